"""What programs that use RedBeat did to tasks (`enabled = False; save()`, `delete()`), put on record."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from redis import Redis

from mission_control.errors import InvalidTaskError
from mission_control.events import events
from mission_control.signing.keyring import NO_KEYS, Keyring
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script
from mission_control.store.redis_keys import RedBeatKeys

if TYPE_CHECKING:
    from mission_control.registry.registry import Registry

ACTOR: Final = "redbeat"
_REASON: Final = "a program that uses RedBeat did so"
_AT_ONCE: Final = 500


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
