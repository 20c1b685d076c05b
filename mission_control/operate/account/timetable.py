"""The timetables that were in force in a span of time, as the stream of changes has them."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, NamedTuple

import orjson

from mission_control.errors import InvalidTaskError
from mission_control.files.calendar_file import read_calendar, read_no_calendar
from mission_control.model.definitions.schedules import NO_SCHEDULE, ScheduleBase, spread_offset
from mission_control.model.definitions.task import parse_task
from mission_control.model.values.instants import parse_instant

ENDLESS: Final = datetime(9999, 1, 1, tzinfo=UTC)
TICK: Final = timedelta.resolution

_REMOVED: Final = "unregistered"
_LIVES: Final = frozenset({"registered", _REMOVED})
_END_QUARANTINE: Final = frozenset({"restored", "updated", "enabled", "disabled", *_LIVES})
_TIMING: Final = frozenset({"enabled", "schedule"})
_MOST_KEPT: Final = 64
_LATE: Final = timedelta(days=1)


class Version(NamedTuple):
    """The timing of a task from `since` until `until`; `schedule` is its JSON, None for none.

    `is_known` is false where the stream does not have the whole of it, `exists` once the task was removed.
    """

    since: datetime
    until: datetime
    enabled: bool
    schedule: Any
    is_known: bool = True
    exists: bool = True

    def rule(self) -> ScheduleBase:
        """Return the schedule; a calendar that cannot be read now excludes nothing from it.

        Raises:
            InvalidTaskError: it cannot be read.
        """
        return NO_SCHEDULE if self.schedule is None else _rule(orjson.dumps(self.schedule))

    def expected(self, task_id: str, since: datetime, until: datetime, now: datetime) -> Iterator[datetime]:
        """Yield the occurrences from `since` up to `until` that fell due in its time, and not after `now`.

        Of a fixed delay none is known: they follow from the ends of runs.

        Raises:
            InvalidTaskError: the schedule cannot be read.
        """
        rule = self.rule()
        if not self.enabled or rule.is_fixed_delay:
            return
        spread = spread_offset(task_id, rule.spread_seconds)
        first, last = max(since - TICK, self.since - spread), min(self.until, now) - spread
        yield from rule.occurrences(first, min(until - TICK, last))


class _Change(NamedTuple):
    at: datetime
    life: str | None
    """Whether the task was registered or unregistered: no earlier field holds any longer."""
    fields: dict[str, Any]


@dataclass
class Timetables:
    """Takes in the records of the stream of changes, in any order, and tells what was in force when.

    Kept of each task is what changed its timing: of very many changes the oldest, before `since`, as one.
    `changed` has when single occurrences from `since` on were moved to by hand, None for a skipped one;
    `quarantined` since when tasks are.
    """

    since: datetime
    changed: dict[str, datetime | None] = field(default_factory=dict)
    quarantined: dict[str, datetime] = field(default_factory=dict)
    _changes: dict[str, list[_Change]] = field(default_factory=dict)

    def take(self, record: Mapping[str, Any]) -> None:
        """Take in the record of a change; what is none, or is damaged, is passed over."""
        task_id, what, diff = (record.get(name) for name in ("task_id", "change", "diff"))
        if not (isinstance(task_id, str) and isinstance(what, str) and isinstance(diff, dict)):
            return
        try:
            at, targets = parse_instant(record["timestamp"]), {path: one["to"] for path, one in diff.items()}
            if "occurrence.id" in diff:
                self._take_occurrence(diff["occurrence.id"]["from"], targets)
        except (KeyError, TypeError, ValueError):
            return
        if what == "quarantined":
            self.quarantined[task_id] = at
        timing = {path: one for path, one in targets.items() if path.partition(".")[0] in _TIMING}
        if timing or what in _LIVES:
            self._put(task_id, _Change(at, what if what in _LIVES else None, timing))
        if what in _END_QUARANTINE:
            self.quarantined.pop(task_id, None)

    def _take_occurrence(self, restored: object, targets: Mapping[str, Any]) -> None:
        name, is_moved = targets["occurrence.id"], "occurrence.moved_to" in targets
        if name is None:
            self.changed.pop(str(restored), None)
        elif str(name).rpartition("@")[2] >= f"{self.since:%Y%m%dT%H%M%S}":
            to = targets["occurrence.moved_to"] if is_moved else None
            before = (
                None if is_moved else self.changed.get(str(name))
            )  # a moved one that is skipped stays there
            self.changed[str(name)] = before if to is None else parse_instant(to)

    def _put(self, task_id: str, change: _Change) -> None:
        kept = self._changes.setdefault(task_id, [])
        insort(kept, change, key=lambda one: one.at)
        while len(kept) > _MOST_KEPT and kept[1].at < self.since - _LATE:
            first, second = kept[0], kept[1]
            fields = second.fields if second.life else {**first.fields, **second.fields}
            kept[:2] = [_Change(second.at, second.life or first.life, fields)]

    def tasks(self) -> list[str]:
        """Return the ids of all tasks that there ever were, sorted."""
        return sorted(self._changes)

    def versions(self, task_id: str) -> list[Version]:
        """Return what was in force, the oldest first; what is not known whole is marked."""
        changes = self._changes.get(task_id, [])
        found, fields, life = list[Version](), dict[str, Any](), None
        for change, following in pairwise([*changes, None]):
            assert change is not None  # noqa: S101  # for the type checker
            fields = {**(fields if change.life is None else {}), **change.fields}
            life = life if change.life is None else change.life
            until = ENDLESS if following is None else following.at
            timing = bool(fields.get("enabled")), _nested(fields)
            version = Version(change.at, until, *timing, life is not None, life != _REMOVED)
            found.append(version._replace(is_known=_is_whole(version)))
        return found

    def beginning(self) -> datetime | None:
        """Return when the oldest change was that is on record."""
        return min((kept[0].at for kept in self._changes.values()), default=None)


def _nested(fields: Mapping[str, Any]) -> Any:  # noqa: ANN401  # the JSON of a schedule
    schedule: dict[str, Any] = {}
    for path, value in fields.items():
        first, *names = path.split(".")
        if first != "schedule" or value is None or not names:
            continue
        *folders, last = names
        place = schedule
        for name in folders:
            place = place.setdefault(name, {})
        place[last] = value
    return schedule or None


def _is_whole(version: Version) -> bool:
    try:
        version.rule()
    except InvalidTaskError:
        return False
    return version.is_known


@lru_cache(maxsize=4_096)
def _rule(text: bytes) -> ScheduleBase:
    """Return the schedule with this JSON; tasks with equal schedules share one object."""
    whole = {"id": "schedule", "handler": "handlers.hello.run", "schedule": orjson.loads(text)}
    try:
        return parse_task(whole, read_text=read_calendar).schedule
    except InvalidTaskError:
        return parse_task(whole, read_text=read_no_calendar).schedule
