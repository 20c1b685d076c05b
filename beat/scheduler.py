"""The scheduler that Celery Beat runs: `beat.scheduler:MissionControlScheduler`.

This file has more than 250 lines because all parts of beat are put together in it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from celery import Celery
from celery.beat import Service
from celery.signals import beat_init
from redbeat.schedulers import RedBeatScheduler

from beat.checks.refusals import REFUSALS, refuse_unsafe
from beat.firing.assembly import assemble_firing
from beat.firing.fire_request import Delivery
from beat.firing.firing import Firing
from beat.firing.overtaken import Overtaken
from beat.follow_up.follow_up import FollowUp
from beat.follow_up.unfired_records import UnfiredRecords
from beat.messages.entry_sender import EntrySender
from beat.turn.lead import Lead, NotLeadingError, Turn
from beat.turn.side_work import SideWork
from beat.turn.stop_request import StopRequest
from beat.turn.wake_up import WakeUp, countdown, exactly
from beat.upkeep.schedule_upkeep import ScheduleUpkeep
from mission_control.events import events
from mission_control.installation.installation import Installation, current_installation
from mission_control.messaging.message import is_broker_elsewhere
from mission_control.messaging.outage_history import store_outages
from mission_control.messaging.redis_failures import REDIS_ERRORS, is_redis_failure, is_wrong_type
from mission_control.model.runs.run_record import RunRecord
from mission_control.processes.heartbeats import beat_name, common_settings
from mission_control.processes.supervision import is_orphaned
from mission_control.registry.grant_uses import GrantUses
from mission_control.sweep.late_records import LateRecords
from mission_control.sweep.sweep import Sweep

if TYPE_CHECKING:
    from beat.firing.downstream import Downstream
    from beat.follow_up.heartbeat_ping import HeartbeatPing

WAIT_FOR_REDIS: Final = 1.0
LONGEST_WAIT: Final = 1.0
"""How long a beat waits before it looks again: `save()` of RedBeat does not wake it."""

LONGEST_FIRING: Final = 0.5
"""How long is fired before the lead is renewed: half the shortest lease."""

_LOOK_AGAIN: Final = 0.01
_NEARLY: Final = 0.05


class MissionControlScheduler(RedBeatScheduler):
    """A RedBeat scheduler that fires Mission Control's tasks, and RedBeat's entries as before.

    Guarantees: run, message and next due instant of an occurrence are committed in one step, and only if
    the entry is still as it was decided about; so a crash anywhere, a second beat or a clock stepped back
    neither loses nor doubles a run. Trouble with Redis or with one entry never ends the process.
    Does not guarantee the order of occurrences that are due at one instant.

    With `deliver` nothing is put on a queue: fired runs are handed to it, and no lead is needed.
    """

    def __init__(
        self,
        app: Celery,
        *args: Any,  # noqa: ANN401  # Celery's arguments
        installation: Installation | None = None,
        deliver: Callable[[RunRecord], None] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        self._installation = current_installation() if installation is None else installation
        self._lease = timedelta(seconds=self._installation.settings.leader_seconds)
        self._deliver = deliver
        self._name = beat_name(os.getpid())
        self._is_checked = self._is_set_up = False
        self._is_refused = self._is_closed = False
        self.stop_request = StopRequest()
        self._last_turn = Turn(leads=False)
        super().__init__(app, *args, **kwargs)
        # A user's application may have set these otherwise. The lead is our lease, and a beat that waits for
        # longer than the lease would lose it.
        self.lock_key = None
        self.max_interval: float = min(self.max_interval, LONGEST_WAIT, self._lease.total_seconds() / 3)

    def setup_schedule(self) -> None:
        """Do nothing yet: Redis may not be there; the first turn as leader installs `beat_schedule`."""

    def tick(self, **_: Any) -> float:  # noqa: ANN401  # Celery passes what its own tick takes
        """Fire what is due, then wait for the next due instant or a change; return what is left to wait."""
        if self._is_closed or self.stop_request.is_made or is_orphaned():
            raise SystemExit(0)
        try:
            self._turn()
            events.redis_is_back()
            store_outages(self._installation.client, "beat", self._installation.clock)
        except NotLeadingError:
            self._firing.prepared.clear()
        except REFUSALS as error:
            self._is_refused = True
            events.beat_refused(error)
            raise SystemExit(1) from error
        except Exception as error:  # noqa: BLE001  # whatever it is, all tasks would stay unfired
            return self._after_trouble(error)
        return 0.0

    def fire_due(self, now: datetime) -> list[RunRecord]:
        """Fire every occurrence that is due at `now` and return the runs of ours among them."""
        fired = self._firing.fire_due(lambda: now)
        if self._deliver is not None:  # else a turn does it
            fired += self._downstream.fire(lambda: now, most_seconds=math.inf)
            while self._overtaken.record():
                pass
        runs = self._installation.ledger.get_all(fired)
        self._unfired_records.write(most=None)
        LateRecords.of(self._installation).write()
        if self._deliver is not None:
            self._upkeep.restore()  # which no turn does here
            for run in runs:
                self._deliver(run)
        return runs

    def close(self) -> None:
        """Hand over to another beat at once; the next turn, if there is one, ends the process."""
        self._is_closed = True
        try:
            self._lead.give_up()
            self._wake_up.close()
        except REDIS_ERRORS as error:
            events.waiting_for_redis(error)
        super().close()
        if self._is_refused:
            raise SystemExit(1)  # Celery's service takes that of `tick` for a good end

    def _after_trouble(self, error: Exception) -> float:
        """Put right what can be, and return how long to wait before the next try."""
        self._wake_up.close()
        try:
            if is_wrong_type(error):
                if self._upkeep.after_wrong_type():
                    return 0.0
                if self._last_turn.leads:  # firing cannot go on, the rest can
                    self._follow_up(self._last_turn)
        except Exception as another:  # noqa: BLE001  # as above
            error = another
        if is_redis_failure(error) or is_wrong_type(error):
            events.waiting_for_redis(error)
        else:
            events.turn_failed(error)
        return WAIT_FOR_REDIS

    def _turn(self) -> None:
        clock = self._installation.clock
        if not self._is_checked:
            self._refuse_unsafe()  # before it leads in the place of one that may
            self._is_checked = True
        fired = self._firing.fire_prepared(clock)
        turn = self._last_turn = self._lead.take()
        if not turn.leads:
            self._firing.prepared.clear()
            self._wait_until(math.inf)
            return
        if turn.is_first or not self._is_set_up:
            self._set_up()
        self._upkeep.look(turn)
        if turn.next_due is not None and turn.next_due <= clock().timestamp():
            fired += self._firing.fire_due(clock, oldest=turn.next_due, most_seconds=LONGEST_FIRING)
        if turn.next_downstream is not None and turn.next_downstream <= clock().timestamp():
            fired += self._downstream.fire(clock, most_seconds=LONGEST_FIRING)
        if fired:
            events.runs_fired(fired)
        if self._follow_up(turn) or fired:
            return
        if self._firing.prepare(clock, turn.next_due, self._wake_up.is_woken):
            return
        self._wait_until(self._next_instant(turn, clock().timestamp()))

    def _next_instant(self, turn: Turn, now: float) -> float:
        prepared = self._firing.prepared
        instants = (turn.next_due, turn.next_release, turn.next_downstream, prepared.next_due)
        next_instant = min((one for one in instants if one is not None), default=math.inf)
        # A due entry that was not fired has been moved by another program: look again, but do not spin.
        return next_instant if next_instant > now else now + _LOOK_AGAIN

    def _wait_until(self, instant: float) -> None:
        """Wait on Redis, hardly more than `max_interval`, to notice a lost wake-up or a stepped clock."""
        clock = self._installation.clock
        latest = clock().timestamp() + self.max_interval
        is_exact = instant <= latest + _NEARLY  # else a turn would begin just before it, and end after
        wait: Callable[[Callable[[], float]], bool] = self._wake_up.wait
        wait = exactly(wait, lambda: self._firing.commit_nothing(clock)) if is_exact else wait
        with self.stop_request.waiting():
            wait(countdown(instant if is_exact else latest, lambda: clock().timestamp()))

    def _set_up(self) -> None:
        """See to all that may have changed while this beat did not lead, a loss of data included."""
        self._is_set_up = False  # until all of it is done
        self._refuse_unsafe()
        self._upkeep.begin()
        self._is_set_up = True

    def _refuse_unsafe(self) -> None:
        ours = self._installation
        _ = self._follow_up  # a key that cannot be used is refused before the first run
        prefix, allowed = ours.redbeat_keys.prefix, ours.settings.allow_eviction
        refuse_unsafe(self.app, ours.client, ours.redis_url, prefix, allow_eviction=allowed)

    def _ensure_connected(self) -> Any:  # noqa: ANN401  # kombu's connection
        # Celery's method waits for the broker for ever, and beat could do nothing meanwhile.
        return self.connection.ensure_connection(max_retries=1, interval_start=0, timeout=WAIT_FOR_REDIS)

    @cached_property
    def _delivery(self) -> Delivery:
        if self._deliver is not None:
            return Delivery.IN_PROCESS
        is_elsewhere = is_broker_elsewhere(self.app, self._installation.redis_url)
        return Delivery.OUTBOX if is_elsewhere else Delivery.QUEUE

    @cached_property
    def _firing(self) -> Firing:
        ours = self._installation
        return assemble_firing(
            self.app,
            ours.client,
            ours.redbeat_keys,
            self._sender,
            self._upkeep.quarantine,
            self._unfired_records.add,
            ours.breakers,
            retention=ours.settings.retention,
            max_runs=ours.settings.retention_runs,
            most_unfinished=ours.settings.max_waiting_runs,
            token=self._name if self._deliver is None else "",
            delivery=self._delivery,
            keyring=ours.settings.signing_key,
        )

    @cached_property
    def _downstream(self) -> Downstream:
        from beat.firing.downstream import Downstream

        ours = self._installation
        return Downstream.of(self._firing, ours.client, ours.redbeat_keys)

    @cached_property
    def _overtaken(self) -> Overtaken:
        return Overtaken.of(self._firing, self._installation.client, self._installation.clock)

    @cached_property
    def _sender(self) -> EntrySender:
        return EntrySender(lambda: self.producer, self.apply_async)

    @cached_property
    def _upkeep(self) -> ScheduleUpkeep:
        ours = self._installation
        parts = (self.app, ours.client, ours.changes, ours.redbeat_keys, ours.clock, lambda: ours.registry)
        return ScheduleUpkeep(*parts, ours.settings.signing_key)

    @cached_property
    def _unfired_records(self) -> UnfiredRecords:
        return UnfiredRecords(self._installation.client, self._installation.ledger, self._installation.audit)

    @cached_property
    def _follow_up(self) -> FollowUp:
        ours = self._installation
        parts = (self.app, ours.client, ours.ledger, self._unfired_records, Sweep.of(self.app, ours))
        uses_outbox = self._delivery is Delivery.OUTBOX
        do = SideWork(self._upkeep.after_wrong_type)
        more = (self._sender, ours.clock, uses_outbox, do, ours.checkpoints)
        late = (lambda: ours.backfills, lambda: ours.registry, ours.settings.queues[0], self._name)
        record = self._overtaken.record, GrantUses(ours.client, ours.changes, ours.clock).record_over
        return FollowUp(*parts, *more, *late, *record, self._heartbeat)

    @cached_property
    def _heartbeat(self) -> HeartbeatPing | None:
        ours = self._installation
        if ours.settings.heartbeat_url is None:
            return None
        from beat.follow_up.heartbeat_ping import (
            HeartbeatPing,  # its libraries take much memory
            HeartbeatReport,
        )
        from mission_control.model.values.addresses import parse_networks

        report = HeartbeatReport(ours.client, lambda: ours.registry, ours.redbeat_keys, ours.clock)
        return HeartbeatPing(
            ours.settings.heartbeat_url, parse_networks(ours.settings.outbound_allow), report
        )

    @cached_property
    def _lead(self) -> Lead:
        ours = self._installation
        common = common_settings(ours.settings)
        return Lead(ours.client, self._name, self._lease, ours.redbeat_keys, common)

    @cached_property
    def _wake_up(self) -> WakeUp:
        return WakeUp(self._installation.client)


@beat_init.connect
def _listen(sender: Service, **_: Any) -> None:  # noqa: ANN401  # a signal's arguments
    if isinstance(sender.scheduler, MissionControlScheduler):
        sender.scheduler.stop_request.listen()
