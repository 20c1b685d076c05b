"""The scheduler that Celery Beat runs: `beat.scheduler:MissionControlScheduler`."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from kombu.exceptions import OperationalError
from redbeat.schedulers import RedBeatScheduler
from redis.exceptions import RedisError

from beat.decision import decide
from beat.due_entries import DuePlainEntry, DueTask, PoisonEntry, due_entries, next_due_instant
from beat.fire import Firing
from beat.leadership import Leadership
from beat.plain_entries import fire_plain_entry
from beat.quarantine import set_aside
from mission_control import events
from mission_control.heartbeats import Heartbeat
from mission_control.installation import Installation, current_installation
from mission_control.messaging.message import send
from mission_control.processes.supervision import is_orphaned

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from celery import Celery

    from beat.due_entries import DueEntry
    from mission_control.ledger import RunRecord

BATCH: Final = 500
WAIT_WHEN_STANDING_BY: Final = 1.0
WAIT_FOR_REDIS: Final = 1.0


class MissionControlScheduler(RedBeatScheduler):
    """A RedBeat scheduler that fires Mission Control's tasks, and RedBeat's entries as before.

    Guarantees: a due occurrence is sent before its entry moves on, under an id that is the same whoever
    sends it, so that a crash anywhere neither loses nor doubles a run; trouble with Redis or with one
    entry never ends the process. `deliver` replaces the sending of a run's message.
    """

    def __init__(
        self,
        app: Celery,
        *args: Any,  # noqa: ANN401  # Celery's own arguments
        installation: Installation | None = None,
        deliver: Callable[[RunRecord], None] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        self._installation = current_installation() if installation is None else installation
        self._deliver = self._send if deliver is None else deliver
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        super().__init__(app, *args, **kwargs)

    def tick(self, **_: Any) -> float:  # noqa: ANN401  # Celery passes what its own tick takes
        """Fire what is due and return how many seconds to wait, at most `max_interval`."""
        if is_orphaned():
            raise SystemExit(0)
        try:
            if not self._leadership.hold():
                self._heartbeat.beat(leading=False)
                return WAIT_WHEN_STANDING_BY
            self._heartbeat.beat(leading=True)
            self.fire_due(self._installation.clock())
            return self._wait()
        except (RedisError, OperationalError, OSError) as error:
            events.waiting_for_redis(error)
            return WAIT_FOR_REDIS

    def fire_due(self, now: datetime) -> list[RunRecord]:
        """Fire every occurrence that is due at `now` and return the runs of ours among them."""
        fired: list[RunRecord] = []
        while True:
            batch = due_entries(self._installation.client, self.app, now, limit=BATCH)
            for entry in batch:
                fired.extend(self._handle(entry, now))
            if len(batch) < BATCH:
                return fired

    def close(self) -> None:
        """Hand over to another beat at once."""
        try:
            self._leadership.release()
            self._heartbeat.end()
        except RedisError as error:
            events.waiting_for_redis(error)
        super().close()

    def _handle(self, entry: DueEntry, now: datetime) -> list[RunRecord]:
        """Do what one due entry needs; what is wrong with it is its own affair."""
        try:
            match entry:
                case DueTask():
                    return self._firing.carry_out(entry, decide(entry.task, entry.due, now), now)
                case DuePlainEntry():
                    fire_plain_entry(self._installation.client, entry, self._apply_async)
                case PoisonEntry():
                    set_aside(self._installation.client, entry.key, entry.problem, now)
        except (RedisError, OperationalError, OSError):
            raise
        except Exception as error:  # noqa: BLE001  # no entry may stop the others
            set_aside(self._installation.client, entry.key, f"{type(error).__name__}: {error}", now)
        return []

    def _apply_async(self, entry: Any, *, advance: bool) -> Any:  # noqa: ANN401  # Celery's own types
        return self.apply_async(entry, producer=self.producer, advance=advance)

    def _send(self, run: RunRecord) -> None:
        send(self.app, run, producer=self.producer)

    def _wait(self) -> float:
        due = next_due_instant(self._installation.client)
        if due is None:
            return float(self.max_interval)
        until_due = due - self._installation.clock().timestamp()
        return float(min(max(until_due, 0.0), self.max_interval))

    @cached_property
    def _firing(self) -> Firing:
        return Firing(self._installation, self._deliver)

    @cached_property
    def _leadership(self) -> Leadership:
        lease = timedelta(seconds=self._installation.settings.leader_seconds)
        return Leadership(self._installation.client, self._name, lease)

    @cached_property
    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(self._installation.client, "beat", self._name)
