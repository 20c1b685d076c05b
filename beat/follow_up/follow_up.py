"""What follows a commit: missed records, parked messages, outbox, deadlines, sweep, backfills, notices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final

from celery import Celery
from redis import Redis

from beat.follow_up.parking import release_parked
from beat.follow_up.unfired_records import UnfiredRecords
from beat.messages.entry_sender import EntrySender
from beat.messages.outbox import send_outbox
from beat.turn.lead import Turn
from beat.turn.side_work import SideWork
from mission_control.audit.stream.checkpoints import CHECKPOINT_SECONDS, Checkpoints
from mission_control.ledger.ledger import Ledger
from mission_control.sweep.sweep import Sweep

if TYPE_CHECKING:
    from beat.follow_up.backfill_release import BackfillRelease
    from beat.follow_up.deadline_watch import DeadlineWatch
    from beat.follow_up.heartbeat_ping import HeartbeatPing
    from beat.follow_up.worker_watch import WorkerWatch
    from mission_control.ledger.backfills import Backfills
    from mission_control.notifications.notifier import Notifier
    from mission_control.registry.registry import Registry

_RECORD_USES_EVERY: Final = 60.0
_LOOK_FOR_WORKERS_EVERY: Final = 10.0


@dataclass(frozen=True)
class FollowUp:
    """Does a part of this work at each call; raises `RedisError` if Redis cannot be reached."""

    app: Celery
    client: Redis
    ledger: Ledger
    unfired_records: UnfiredRecords
    sweep: Sweep
    sender: EntrySender
    clock: Callable[[], datetime]
    uses_outbox: bool
    do: SideWork
    checkpoints: Checkpoints | None
    backfills: Callable[[], Backfills]
    registry: Callable[[], Registry]
    queue: str
    leader: str
    record_overtaken: Callable[[], int]
    record_uses: Callable[[], int]
    heartbeat: HeartbeatPing | None

    def __call__(self, turn: Turn) -> bool:
        """Do the work that the turn has found; return whether there was any."""
        done = self.do("write unfired records", self.unfired_records.write)
        if turn.next_release is not None and turn.next_release <= self.clock().timestamp():
            done += self.do("release parked messages", self._release)
        if self.uses_outbox or turn.has_outgoing:
            done += self.do("send the outbox", self._send)
        if turn.next_deadline is not None and turn.next_deadline <= self.clock().timestamp():
            done += self.do("look at deadlines", self._look_at_deadlines)
        if turn.has_overtaken:
            done += self.do("record what changes of tasks have overtaken", self.record_overtaken)
        done += self.do("sweep", self.sweep.turn)
        if turn.has_alarms or self.sweep.unanswered:
            self.do("look for workers", self._look_for_workers, every=_LOOK_FOR_WORKERS_EVERY)
        if self.heartbeat is not None:
            self.do("ping the monitor", self.heartbeat.turn)
        if turn.has_backfills:
            done += self.do("send runs of backfills", lambda: self._backfill.step(turn.next_due))
        if turn.has_notices:
            done += self.do("report notices", self._notifier.turn)
        self.do("record what holders of grants have done", self.record_uses, every=_RECORD_USES_EVERY)
        if self.checkpoints is not None:
            self.do("write a checkpoint", self.checkpoints.write, every=CHECKPOINT_SECONDS)
        return done > 0

    @cached_property
    def _backfill(self) -> BackfillRelease:
        from beat.follow_up.backfill_release import BackfillRelease  # few beats have a backfill to do
        from mission_control.dispatch.run_control import RunControl

        control = RunControl(self.sweep.ending, self.client, self.app)
        parts = (self.client, self.backfills(), self.registry, control, self.sender, self.clock)
        return BackfillRelease(*parts)

    def _look_at_deadlines(self) -> int:
        return self._deadlines.look()

    def _look_for_workers(self) -> None:
        changed = self._workers.look(self.sweep.unanswered)
        if changed and self.heartbeat is not None:
            self.heartbeat.soon()

    @cached_property
    def _workers(self) -> WorkerWatch:
        from beat.follow_up.worker_watch import WorkerWatch  # few beats miss a worker
        from mission_control.notifications.alarms import Alarms

        has_default = self.sweep.ending.has_default_channel
        return WorkerWatch(self.client, Alarms(self.client, self.clock, has_default))

    @cached_property
    def _deadlines(self) -> DeadlineWatch:
        from beat.follow_up.deadline_watch import DeadlineWatch  # few beats have a run with a deadline

        return DeadlineWatch(self.client, self.clock)

    @cached_property
    def _notifier(self) -> Notifier:
        from mission_control.notifications.notifier import Notifier

        parts = (self.client, self.ledger, self.app, self.registry, self.clock)
        return Notifier(*parts, self.queue, self.leader)

    def _release(self) -> int:
        return release_parked(self.client, self.clock(), uses_outbox=self.uses_outbox)

    def _send(self) -> int:
        return send_outbox(self.app, self.client, self.ledger, self.sender)
