"""From notices to messages: collected for some seconds, judged for what is news, and sent as runs."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from celery import Celery
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError
from ulid import ULID

from mission_control.ledger.ledger import Ledger
from mission_control.messaging.message import send
from mission_control.model.policies.incidents import (
    Incident,
    News,
    NewsGroup,
    after_notice,
    due_groups,
    key_of,
    news_of,
    reported,
)
from mission_control.model.policies.notices import Notice, budget_notices
from mission_control.notifications.message_runs import message_run
from mission_control.notifications.wording import message_of
from mission_control.registry.registry import Registry
from mission_control.store import redis_keys

COLLECTED_FOR: Final = timedelta(seconds=5)
"""How long no further notice must have come before they are judged, so that one outage is one message."""

COLLECTED_AT_MOST: Final = timedelta(minutes=1)

_LOOK_EVERY: Final = timedelta(seconds=30)
_MOST_AT_ONCE: Final = 10_000

Incidents = dict[str, dict[str, Incident]]
"""By task, and by what sets the incidents of a task apart."""


@dataclass
class Notifier:
    """Tells what the notices say.

    Guarantees: notices leave the outbox, change the open incidents and become messages in one transaction,
    which only the leading beat makes; a message becomes one run. So a kill neither loses nor doubles one.
    """

    client: Redis
    ledger: Ledger
    app: Celery
    registry: Callable[[], Registry]
    clock: Callable[[], datetime]
    queue: str
    leader: str
    _size: int = field(default=0, init=False)
    _since: float = field(default=0.0, init=False)
    _grown_at: float = field(default=0.0, init=False)
    _look_at: float = field(default=0.0, init=False)

    def turn(self) -> int:
        """Decide if it is time to, and send what was decided; return how many messages were sent.

        Raises:
            RedisError, OperationalError: the next turn goes on.
        """
        now = time.monotonic()
        takes = self._is_collected(now)
        if takes or now >= self._look_at:
            self._look_at = now + _LOOK_EVERY.total_seconds()
            self._decide(most=_MOST_AT_ONCE if takes else 0)
        return send_messages(self.client, self.ledger, self.app, self.clock, self.queue)

    def _is_collected(self, now: float) -> bool:
        before, self._size = self._size, self.client.llen(redis_keys.NOTICES)
        if before == 0:
            self._since = now
        if self._size != before:
            self._grown_at = now
        waited = now - self._grown_at, now - self._since
        limits = COLLECTED_FOR.total_seconds(), COLLECTED_AT_MOST.total_seconds()
        return self._size > 0 and (waited[0] >= limits[0] or waited[1] >= limits[1])

    def _decide(self, *, most: int) -> None:
        with self.client.pipeline() as pipe, suppress(WatchError):  # another beat leads: it decides
            pipe.watch(redis_keys.BEAT_LEADER)  # type: ignore[no-untyped-call]
            if pipe.get(redis_keys.BEAT_LEADER) != self.leader:
                return
            items: Any = pipe.lrange(redis_keys.NOTICES, 0, most - 1) if most else []
            stored: Any = pipe.hgetall(redis_keys.INCIDENTS)
            incidents = {task: _incidents(text) for task, text in stored.items() if text}
            for notice in self._notices(items):
                incidents[notice.task] = after_notice(incidents.get(notice.task, {}), notice)
            groups = self._reported(incidents)
            self._forget_removed(incidents)
            pipe.multi()
            pipe.ltrim(redis_keys.NOTICES, len(items), -1)
            _write(pipe, stored, incidents)
            for group in groups:
                message = [str(ULID()), *message_of(group)]
                pipe.rpush(redis_keys.NOTIFICATIONS, msgspec.json.encode(message).decode())
            pipe.execute()

    def _notices(self, items: Iterable[str]) -> Iterator[Notice]:
        for notice in filter(None, map(_notice, items)):
            if notice.event == "budget":
                yield from budget_notices(notice, self.registry().definitions())
            else:
                yield notice

    def _reported(self, incidents: Incidents) -> list[NewsGroup]:
        """Return what to report now, and note in `incidents` that it was."""
        now = self.clock()
        known = [one for of_task in incidents.values() for one in of_task.values()]
        groups = due_groups([one for one in known if self._is_reported(one, now)], now)
        for one in (one for group in groups for one in group.incidents):
            key, rest = key_of(one.event, one.cause), reported(one, now)
            if rest is None:
                del incidents[one.task][key]
            else:
                incidents[one.task][key] = rest
        return groups

    def _is_reported(self, one: Incident, now: datetime) -> bool:
        if news_of(one, now) is not News.REMINDED:
            return True
        task = self.registry().get(one.task)
        return task is not None and bool(task.get("enabled"))

    def _forget_removed(self, incidents: Incidents) -> None:
        """Forget what was reported of tasks that are no longer registered."""
        tasks = list(incidents)
        known = self.client.smismember(redis_keys.TASKS, tasks) if tasks else []
        for task in (task for task, is_known in zip(tasks, known, strict=True) if not is_known):
            incidents[task] = {key: one for key, one in incidents[task].items() if one.unreported is not None}


def send_messages(
    client: Redis, ledger: Ledger, app: Celery, clock: Callable[[], datetime], queue: str
) -> int:
    """Send the messages that wait, each as one run, however many processes do so; return how many."""
    sent = 0
    while (stored := client.lindex(redis_keys.NOTIFICATIONS, 0)) is not None:
        with suppress(msgspec.DecodeError, ValueError):  # another program wrote it
            ulid, to, title, text = msgspec.json.decode(stored, type=tuple[str, list[str], str, str])
            run = message_run(to, title, text, ulid=ulid, now=clock(), queue=queue)
            ledger.dispatch(run)
            send(app, run)
            sent += 1
        client.lrem(redis_keys.NOTIFICATIONS, 1, str(stored))
    return sent


def _write(pipe: Pipeline, stored: Mapping[str, str], incidents: Incidents) -> None:
    for task, found in incidents.items():
        text = msgspec.json.encode(found).decode()
        if not found:
            pipe.hdel(redis_keys.INCIDENTS, task)
        elif text != stored.get(task):
            pipe.hset(redis_keys.INCIDENTS, task, text)


def _notice(text: str) -> Notice | None:
    try:
        return msgspec.json.decode(text, type=Notice)
    except (msgspec.DecodeError, ValueError):  # another program wrote it
        return None


def _incidents(text: str) -> dict[str, Incident]:
    try:
        return msgspec.json.decode(text, type=dict[str, Incident])
    except (msgspec.DecodeError, ValueError):  # as above
        return {}
