"""Reckons records up against timetables: what was expected and recorded, once, twice, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from mission_control.errors import AccountError
from mission_control.model.definitions.schedules import spread_offset
from mission_control.model.runs.cause import stands_until
from mission_control.model.runs.changed_occurrence import has_occurrence
from mission_control.model.runs.run_record import Trigger
from mission_control.model.values.instants import format_instant
from mission_control.operate.account.slots import Slots, occurrence_of
from mission_control.operate.account.timetable import ENDLESS, Timetables

MOST: Final = 2_000_000
"""Of how many occurrences, and of how many other runs, there is an account at a time."""

MOST_LISTED: Final = 10_000
"""How many ids each list of an account has; all are counted."""

_MOST_CAUSES: Final = 250
_CLOSE: Final = timedelta(minutes=1)

_SECONDS: Final = len("2026-03-02T09:00:00")
_MISSED_TOGETHER: Final = "missed (together)"
_CHANGED, _MOVED, _QUARANTINED, _OTHER = 1, 2, 3, 4


@dataclass
class Reckoning:
    """The account of the occurrences from `since` up to `until`, in whole seconds, that were due at `now`.

    An occurrence belongs to the time in its id, also if it was moved. Take in every
    record, then `explain`. Memory grows by nine bytes with an expected occurrence, and by less than 100 with
    another run.

    Raises:
        AccountError: there are more than `MOST` occurrences, or as many other runs.
    """

    since: datetime
    until: datetime
    now: datetime
    timetables: Timetables
    requested: Counter[str] = field(default_factory=Counter, init=False)
    unexpected: list[str] = field(default_factory=list, init=False)
    twice: list[dict[str, Any]] = field(default_factory=list, init=False)
    unknown: list[str] = field(default_factory=list, init=False)
    counts: Counter[str] = field(default_factory=Counter, init=False)

    def __post_init__(self) -> None:
        self._causes = ["", "changed before it fired", "moved", "quarantined", "other"]
        self._slots: dict[str, Slots] = {}
        self._extra: dict[str, Counter[str]] = {}
        self._others: set[int] = set()
        self._bounds = format_instant(self.since)[:_SECONDS], format_instant(self.until)[:_SECONDS]
        room = MOST
        for name in self.timetables.tasks():
            found = self.timetables.versions(name)
            versions = [one for one in found if one.is_known]
            if any(one.since < self.until and one.until > self.since for one in found if not one.is_known):
                self.unknown.append(name)
            self._slots[name] = Slots(name, versions, (self.since, self.until, self.now), room)
            room -= len(self._slots[name])
            _check(room, "occurrences")

    def take(self, record: Mapping[str, Any]) -> None:
        """Take in a record of the stream of runs; what ends no run of the span is passed over."""
        execution_id, task_id, at = (record.get(one) for one in ("execution_id", "task_id", "scheduled_time"))
        if record.get("final") is not True or record.get("status") == "rejected":
            return
        if not (isinstance(execution_id, str) and isinstance(task_id, str) and isinstance(at, str)):
            return
        self._take_together(record, execution_id)
        if not self._bounds[0] <= at[:_SECONDS] < self._bounds[1]:
            return
        of, moment = occurrence_of(execution_id)
        if of == task_id and moment is not None:
            self._take_occurrence(record, execution_id, task_id, moment)
        elif self._is_new(record, execution_id):
            self.requested[str(record.get("trigger"))] += 1

    def _take_together(self, record: Mapping[str, Any], execution_id: str) -> None:
        """Take in that an occurrence is missed for itself and for those after it."""
        end = stands_until(record.get("reason")) if record.get("status") == "missed" else None
        task_id, first = (None, None) if end is None else occurrence_of(execution_id)
        if end is not None and first is not None and task_id in self._slots:
            self._slots[task_id].explain(first, end, self._number(_MISSED_TOGETHER))

    def _take_occurrence(
        self, record: Mapping[str, Any], execution_id: str, task_id: str, moment: datetime
    ) -> None:
        slots, cause = self._slots.get(task_id), _cause(record)
        place = None if slots is None else slots.place(moment)
        if slots is not None and place is not None:
            before = self._causes[slots.causes[place]]
            if before in {"", _MISSED_TOGETHER}:
                slots.causes[place] = self._number(cause)
            else:
                self._add_twice(record, execution_id, before)
        elif self._is_new(record, execution_id):
            is_explained = task_id in self.unknown or execution_id in self.timetables.changed
            if slots is None or is_explained or self._may_be(slots, moment):
                self._extra.setdefault(task_id, Counter())[cause] += 1
            elif record.get("trigger") == Trigger.BACKFILL:
                self.requested[Trigger.BACKFILL] += 1
            else:
                self._list(self.unexpected, execution_id, "unexpected")

    def _may_be(self, slots: Slots, moment: datetime) -> bool:
        """Whether a task rightly has a record of an occurrence that no timetable is known to have had then.

        A fixed delay has no timetable. A later version of the task may have caught it up; clocks differ while
        a timetable changes; and what was due after `now` is not expected yet, but may have been.
        """
        for one in (one for one in slots.versions if one.enabled):
            rule = one.rule()
            due = moment + spread_offset(slots.task_id, rule.spread_seconds)
            is_near = moment <= one.since or abs(moment - one.until) < _CLOSE or due > self.now
            if rule.is_fixed_delay or (is_near and has_occurrence(rule, moment)):
                return True
        return False

    def _is_new(self, record: Mapping[str, Any], execution_id: str) -> bool:
        number = hash(execution_id)
        if number in self._others:
            self._add_twice(record, execution_id, None)
            return False
        self._others.add(number)
        _check(MOST - len(self._others), "other runs")
        return True

    def _add_twice(self, record: Mapping[str, Any], execution_id: str, before: str | None) -> None:
        one = {"id": execution_id, "first": before, "again": _cause(record)}
        self._list(self.twice, {**one, "repaired": bool(record.get("repaired"))}, "twice")

    def _list(self, found: list[Any], one: object, name: str) -> None:
        self.counts[name] += 1
        if len(found) < MOST_LISTED:
            found.append(one)

    def has(self, execution_id: str) -> bool:
        """Whether a run of the span is on record."""
        task_id, moment = occurrence_of(execution_id)
        slots = self._slots.get(task_id)
        place = None if slots is None or moment is None else slots.place(moment)
        if slots is not None and place is not None:
            return slots.causes[place] > _QUARANTINED
        return hash(execution_id) in self._others

    def explain(self) -> None:
        """Explain what has no record by changes of timetables and occurrences, and by the quarantine."""
        for task_id, slots in self._slots.items():
            slots.explain_ends(_CHANGED)
            if (since := self.timetables.quarantined.get(task_id)) is not None:
                slots.explain(since, ENDLESS, _QUARANTINED)
        for execution_id, to in self.timetables.changed.items():
            task_id, moment = occurrence_of(execution_id)
            if to is not None and to > self.now and moment is not None and task_id in self._slots:
                self._slots[task_id].explain(moment, moment + timedelta.resolution, _MOVED)

    def unrecorded(self) -> Iterator[str]:
        """Yield the ids of the expected occurrences that have neither a record nor an explanation."""
        for slots in self._slots.values():
            yield from slots.unrecorded()

    def by_task(self) -> dict[str, Counter[str]]:
        """Return how many occurrences of each task have which cause; those that have none under ""."""
        found: dict[str, Counter[str]] = {}
        for task_id, slots in self._slots.items():
            if len(slots):
                numbers = Counter(slots.causes)
                found[task_id] = Counter({self._causes[one]: count for one, count in numbers.items()})
        for task_id, causes in self._extra.items():
            found.setdefault(task_id, Counter()).update(causes)
        return found

    def _number(self, cause: str) -> int:
        if cause not in self._causes and len(self._causes) < _MOST_CAUSES:
            self._causes.append(cause)
        return self._causes.index(cause) if cause in self._causes else _OTHER


def _cause(record: Mapping[str, Any]) -> str:
    cause = record.get("cause")
    named = cause.get("class") if isinstance(cause, dict) else None
    return f"{record.get('status')}" if named is None else f"{record.get('status')} ({named})"


def _check(room: int, what: str) -> None:
    if room < 0:
        raise AccountError(f"this span has more than {MOST:,} {what}; ask for a shorter one")
