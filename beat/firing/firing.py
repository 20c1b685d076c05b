"""Firing: due entries are loaded, decided about, made into requests and committed, in batches."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from beat.entries.due_entries import CorruptEntry, DueEntries, DueEntry, DuePlainEntry, DueTask
from beat.firing.batches import BATCH, MOST_BYTES, batches
from beat.firing.commit import Commit, Verdicts
from beat.firing.fire_request import FireRequest, FireRequests
from beat.firing.pauses_in_force import Conditions, PausesInForce, is_decided_ahead
from beat.firing.plain_request import plain_request
from beat.firing.prepared import AHEAD_SECONDS, MOST_PREPARED, SLICE, Prepared
from beat.messages.entry_sender import EntrySender
from beat.upkeep.quarantine import Quarantine
from mission_control.messaging.redis_failures import is_redis_failure
from mission_control.model.definitions.schedules import spread_offset
from mission_control.model.policies.due_decision import with_policies
from mission_control.model.policies.misfire import MISFIRE, MOST_AT_ONCE, ON_TIME_WITHIN, Decision, decide
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.values.instants import from_unix
from mission_control.store.sent_script import results_in_turn

_LONGEST_PREPARATION: Final = 0.25
"""How many seconds are spent on preparation in one turn: a quarter of the shortest lease."""

_ROUNDING_SECONDS: Final = 0.001

_BACKLOG_BATCH: Final = 50
"""How many entries of a backlog are loaded at a time: each may have hundreds of occurrences."""


@dataclass
class Firing:
    """Fires due entries, each occurrence once. An error in one entry affects no other.

    Every method raises `NotLeadingError` if another beat leads, and `RedisError` if Redis cannot be
    asked; then nothing, or whole batches, have been committed. `on_unfired` gets the ids of the runs that
    were entered as missed or skipped.
    """

    entries: DueEntries
    requests: FireRequests
    commit: Commit
    pauses: PausesInForce
    conditions: Conditions
    quarantine: Quarantine
    sender: EntrySender
    on_unfired: Callable[[Iterable[str]], object]
    most_unfinished: int
    prepared: Prepared = field(default_factory=Prepared)

    def fire_prepared(self, clock: Callable[[], datetime]) -> list[str]:
        """Commit what was prepared and is due now; return the ids of the runs that were fired."""
        begun = (self._begun(batch, clock()) for batch in self._prepared_batches(clock))
        fired = [one for verdicts in results_in_turn(begun) for one in verdicts.fired]
        self.quarantine.flush()
        return fired

    def _prepared_batches(self, clock: Callable[[], datetime]) -> Iterator[list[FireRequest]]:
        while requests := self.prepared.take_due(clock().timestamp(), BATCH):
            yield from batches(requests)

    def commit_nothing(self, clock: Callable[[], datetime]) -> None:
        """Run the fire script on nothing, so that a commit a moment later finds everything warm.

        Raises:
            NotLeadingError: it would commit nothing, either.
        """
        self.committed([], clock())

    def fire_due(
        self, clock: Callable[[], datetime], *, oldest: float = -math.inf, most_seconds: float = math.inf
    ) -> list[str]:
        """Load and commit what is due now; return the ids of the runs that were fired.

        It ends when nothing is due, or after `most_seconds` and a batch. What is on time goes
        first, so that a backlog delays it no longer than that; `oldest` is when the entry that is
        due longest was (Unix seconds).
        """
        fired: list[str] = []
        stop_at = time.monotonic() + most_seconds
        while self._fire(self._on_time(clock()), BATCH, clock, stop_at, fired):
            pass
        if oldest < self._on_time_since(clock()):
            while self._fire(self._backlog(clock()), 1, clock, stop_at, fired):
                pass
        return fired

    def _on_time(self, now: datetime) -> list[DueEntry]:
        return self.entries.between(self._on_time_since(now), now.timestamp(), skip=0, limit=BATCH)

    def _backlog(self, now: datetime) -> list[DueEntry]:
        return self.entries.until(self._on_time_since(now), limit=_BACKLOG_BATCH)

    def _on_time_since(self, now: datetime) -> float:
        return (now - ON_TIME_WITHIN).timestamp()

    def _fire(
        self, due: list[DueEntry], most: int, clock: Callable[[], datetime], stop_at: float, fired: list[str]
    ) -> bool:
        """Commit some entries, add their runs to `fired`, and say whether to go on.

        That is if there were `most` of them, so that there may be more, and any was dealt with, or if the
        pauses have changed; and if there is time left.
        """
        now, moved, pauses = clock(), 0, self.pauses.version
        for batch in batches(self._request(entry, now) for entry in due):
            verdicts = self.committed(batch, clock())
            fired.extend(verdicts.fired)
            moved += len(verdicts.committed)
            if time.monotonic() >= stop_at:
                break
        moved += self.quarantine.flush()
        may_be_more = (len(due) >= most and moved > 0) or pauses != self.pauses.version
        return may_be_more and time.monotonic() < stop_at

    def prepare(
        self, clock: Callable[[], datetime], next_due: float | None, is_woken: Callable[[], bool]
    ) -> bool:
        """Make the requests of what falls due soon, slice by slice; return whether there may be more.

        It stops when `next_due` has come, when `is_woken`, and when it is time to renew the lead.
        """
        stop_at = time.monotonic() + _LONGEST_PREPARATION
        while next_due is not None and self._prepare_slice(clock, next_due):
            if is_woken() or clock().timestamp() >= next_due or time.monotonic() >= stop_at:
                return True
        return False

    def _prepare_slice(self, clock: Callable[[], datetime], next_due: float) -> bool:
        """Make the requests of some entries that fall due soon; return whether there may be more.

        It stops when `next_due` has come: firing is more urgent. Where tools look at each message, they see
        it when it is sent.
        """
        if self.requests.is_traced:
            return False
        now = clock().timestamp()
        until = now + AHEAD_SECONDS
        room = min(MOST_PREPARED - len(self.prepared), SLICE) if self.prepared.has_room else 0
        if next_due > until or room <= 0:
            return False
        self.prepared.begin_at(now)
        since, seen = self.prepared.since, self.prepared.seen
        coming = self.entries.between(since, until, skip=seen, limit=room)
        for entry in takewhile(lambda _: clock().timestamp() < next_due, coming):
            self.prepared.add(self._request_ahead(entry), entry.due)
        self.quarantine.flush()
        return len(coming) == room

    def _request_ahead(self, entry: DueEntry) -> FireRequest | None:
        """Return the request of a task of ours; what may change until then is looked at when it is due."""
        if not isinstance(entry, DueTask) or entry.trouble or entry.is_full or not is_decided_ahead(entry):
            return None
        return self._request(entry, from_unix(entry.due))

    def _request(self, entry: DueEntry, now: datetime) -> FireRequest | None:
        """Return what an entry needs; quarantine it if it is corrupt."""
        try:
            match entry:
                case DueTask():
                    return self.requests.of_task(entry, self._decide(entry, now), now)
                case DuePlainEntry():
                    return plain_request(entry, self.requests, self.sender, now)
                case CorruptEntry():
                    self.quarantine.add(entry.key, entry.due, entry.problem, now, is_unread=True)
        except Exception as error:
            if is_redis_failure(error):
                raise
            self.quarantine.add(entry.key, entry.due, f"{type(error).__name__}: {error}", now)
        return None

    def _decide(self, entry: DueTask, now: datetime) -> Decision:
        if entry.decided > now.timestamp() + _ROUNDING_SECONDS:
            return Decision((), entry.decided if math.isfinite(entry.decided) else None)
        spread = spread_offset(entry.task_id, entry.task.schedule.spread_seconds)
        decision = decide(
            entry.task,
            entry.decided,
            now,
            spread=spread,
            most=max(1, min(MOST_AT_ONCE, MOST_BYTES // entry.size)),
        )
        why = self._withheld_for(entry, now) if entry.trouble or entry.is_full else None
        changed = self.pauses.changed_of(entry)
        return self.allowed(entry, decision, now, spread, changed=changed, withheld_for=why)

    def allowed(
        self,
        entry: DueTask,
        decision: Decision,
        now: datetime,
        spread: timedelta,
        *,
        changed: Sequence[ChangedOccurrence] = (),
        withheld_for: tuple[str, Cause] | None = None,
    ) -> Decision:
        """Return a decision with what changes by hand, pauses and conditions make of it."""
        layers = self.pauses.selecting(entry)
        if not (layers or changed or withheld_for or entry.task.condition):  # as for most tasks
            return decision
        decision = with_policies(
            entry.task,
            decision,
            now,
            spread,
            changed=changed,
            withheld_for=withheld_for,
            layers=layers,
            facts=lambda: self.conditions.facts(entry, now),
        )
        self.pauses.note_decision(entry, layers, decision)
        return decision

    def _withheld_for(self, entry: DueTask, now: datetime) -> tuple[str, Cause]:
        """Return why no occurrence of an entry may run."""
        if entry.trouble:
            self.quarantine.note(entry.key, entry.due, entry.trouble, now)
            return f"quarantined: {entry.trouble}", Cause("quarantined")
        full = f"{self.most_unfinished} runs of the task had not ended (MISSION_CONTROL_MAX_WAITING_RUNS)"
        return full, MISFIRE

    def committed(self, requests: list[FireRequest], now: datetime) -> Verdicts:
        """Commit requests, and do what their verdicts ask for."""
        return self._begun(requests, now)()

    def _begun(self, requests: list[FireRequest], now: datetime) -> Callable[[], Verdicts]:
        """Send requests, and return what does the rest, which must be called once."""
        verdicts = self.commit.begin(requests, now, pauses=self.pauses.version)
        return lambda: self._carried_out(verdicts(), now)

    def _carried_out(self, verdicts: Verdicts, now: datetime) -> Verdicts:
        if verdicts.is_stale:  # all that was decided is decided again
            self.pauses.refresh()
            self.prepared.clear()
        problem = "a key that its run needs has the wrong type, or may not be used"
        for request in verdicts.unsound:
            self.quarantine.add(request.key, request.due, problem, now)
        fired = set(verdicts.fired)
        self.pauses.note_probes(one.key for one in verdicts.committed if fired & set(one.execution_ids))
        self.on_unfired(verdicts.recorded)
        return verdicts
