"""Upkeep of the schedule: rebuilds it if it was lost, and installs `beat_schedule`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from celery import Celery
from redis import Redis

from beat.entries.due_entries import DueEntries
from beat.entries.entry_keys import entry_keys
from beat.entries.static_entries import install_static_entries
from beat.turn.lead import Turn
from beat.turn.side_work import SideWork
from beat.upkeep.quarantine import Quarantine, forget_deleted
from mission_control.audit.stream.log import AuditLog
from mission_control.errors import InvalidTaskError
from mission_control.events import events
from mission_control.signing.keyring import NO_KEYS, Keyring
from mission_control.store import redis_keys
from mission_control.store.key_types import keys_of_wrong_type
from mission_control.store.lua_scripts import lua_script
from mission_control.store.redis_keys import RedBeatKeys

if TYPE_CHECKING:
    from mission_control.registry.registry import Registry

REBUILD_EVERY_SECONDS: Final = 30.0
"""How often an empty schedule is rebuilt at most: a lone task with a fixed delay empties it at each run, and
looking through all keys costs far more."""

ACTOR: Final = "redbeat"
_REASON: Final = "a program that uses RedBeat did so"

_AT_ONCE: Final = 500


class ScheduleUpkeep:
    """Keeps the schedule complete; every method raises `RedisError` if Redis cannot be reached."""

    def __init__(
        self,
        app: Celery,
        client: Redis,
        changes: AuditLog,
        redbeat_keys: RedBeatKeys,
        clock: Callable[[], datetime],
        registry: Callable[[], Registry],
        keyring: Keyring = NO_KEYS,
    ) -> None:
        self._app = app
        self._client = client
        self.quarantine = Quarantine(client, changes, redbeat_keys)
        self._entries = DueEntries(client, app, redbeat_keys, keyring)
        self._redbeat_keys = redbeat_keys
        self._clock = clock
        self._foreign_changes = ForeignChanges(client, redbeat_keys, registry, keyring)
        self._reported: set[str] = set()
        self._do = SideWork(self.after_wrong_type)
        self._had_entries = False
        self._has_static_entries = False

    def begin(self) -> None:
        """Rebuild a schedule that was lost while this beat did not lead, and install `beat_schedule`."""
        if self._client.exists(self._redbeat_keys.schedule) == 0:
            self._do("rebuild", self._rebuild)
        self._do("install", self._install)
        self._do("restore all", partial(self.restore, is_start=True))

    def look(self, turn: Turn) -> None:
        """Rebuild a schedule that was lost, and install static entries that were.

        An empty schedule was lost, or its last task has had its last occurrence: the entries tell which.
        """
        if turn.next_due is not None:
            self._had_entries = True
        elif self._had_entries:
            self._do("rebuild an empty schedule", self._rebuild, every=REBUILD_EVERY_SECONDS)
        self._do("install what was lost", self._install_if_lost, every=1.0)
        self._do("look at types", self.after_wrong_type, every=5.0)
        self._do("forget the deleted", partial(forget_deleted, self._client), every=60.0)
        self._do("restore", self.restore, every=2.0)
        self._do("take over foreign changes", self._foreign_changes.take_over, every=1.0)

    def after_wrong_type(self) -> bool:
        """Rebuild the schedule if one of its keys was overwritten, and return whether it was.

        Any other key of a wrong type is reported once, with its remedy; `mission-control status` shows it.
        """
        wrong = keys_of_wrong_type(self._client, self._redbeat_keys)
        lost = {self._redbeat_keys.schedule, redis_keys.TASKS} & wrong.keys()
        for key, (found, needed) in wrong.items():
            remedy = f"look at it, then: redis-cli DEL {key}"
            if key in lost:
                kept = f"{key}:overwritten:{self._clock():%Y%m%dT%H%M%SZ}"
                self._client.rename(key, kept)
                remedy = f"rebuilt; look at {kept}, then: redis-cli DEL {kept}"
            if key in lost or key not in self._reported:
                events.key_of_wrong_type(key, found, needed, remedy)
        self._reported = wrong.keys() - lost
        if lost:
            self._rebuild()
        return bool(lost)

    def restore(self, *, is_start: bool = False) -> int:
        """Take entries out of quarantine that can be read again; at a start of beat try all."""
        return self.quarantine.restore(self._entries, self._clock(), is_start=is_start)

    def _install(self) -> None:
        self._has_static_entries = install_static_entries(self._app, self._client, self._redbeat_keys)

    def _install_if_lost(self) -> None:
        if self._has_static_entries and not self._client.exists(self._redbeat_keys.statics):
            self._install()

    def _rebuild(self) -> None:
        rebuild_schedule(self._client, self._redbeat_keys, self._clock())
        self._had_entries = False


def rebuild_schedule(client: Redis, redbeat_keys: RedBeatKeys, now: datetime) -> int:
    """Put every entry that is not on the schedule back on it, and return how many there were.

    A task is due when its hash says, so what fell due meanwhile is a misfire like any other. A task that is
    disabled, or waits for the end of its run, is not due. Beat looks at all other entries now: RedBeat's,
    which know when they are due, and corrupt ones, which are then quarantined.
    """
    put_back = lua_script(client, __package__, "put_back")
    fixed = (redbeat_keys.schedule, redis_keys.TASKS, redis_keys.BEAT_QUARANTINE)
    args = [repr(now.timestamp()), redbeat_keys.prefix]
    pages = entry_keys(client, redbeat_keys)
    count = sum(int(put_back(keys=[*fixed, *keys], args=args)) for keys in pages)
    if count:
        events.schedule_rebuilt(count)
    return count


class ForeignChanges:
    """Makes task, RedBeat's fields and the change stream agree; `registry` is asked for when they do not.

    Where tasks are signed, RedBeat may not enable one: it has no key. RedBeat sends no signal, so each call
    looks at a part of the tasks, all of them in turn.
    """

    def __init__(
        self,
        client: Redis,
        redbeat_keys: RedBeatKeys,
        registry: Callable[[], Registry],
        keyring: Keyring = NO_KEYS,
    ) -> None:
        self._may_enable = not keyring
        self._keys = (redis_keys.TASKS, redbeat_keys.schedule, redis_keys.BEAT_QUARANTINE)
        self._prefix = redbeat_keys.prefix
        self._look = lua_script(client, __package__, "contradictions")
        self._registry = registry
        self._cursor = "0"

    def take_over(self) -> int:
        """Look at some hundreds of tasks; return how many had changed."""
        answer: Any = self._look(
            keys=self._keys, args=[self._cursor, _AT_ONCE, self._prefix, int(self._may_enable)]
        )
        self._cursor, *found = answer
        for task_id, what in zip(found[::2], found[1::2], strict=True):
            if what == "put off":
                events.due_time_restored(task_id)
                continue
            # Beat quarantines a task that is not valid when it is due.
            with self._registry().changes.by(ACTOR), suppress(InvalidTaskError):
                self._take_over(task_id, what)
        return len(found) // 2

    def _take_over(self, task_id: str, what: str) -> None:
        if what == "deleted":
            self._registry().unregister(task_id, reason=_REASON, if_deleted=True)
        else:
            self._registry().switch(task_id, enabled=what == "enabled", reason=_REASON)
