"""The expected occurrences of a task in a span, nine bytes each, and why each has or lacks a record."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from operator import lt
from typing import Final

from mission_control.model.definitions.schedules import spread_offset
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.operate.account.timetable import ENDLESS, Version

UNRECORDED: Final = 0
"""The number of the cause that an occurrence has as long as there is none."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta.resolution
_UNDECIDED: Final = timedelta(minutes=1)


class Slots:
    """The occurrences that the versions of a task's timetable had, and of each the number of its cause."""

    def __init__(
        self, task_id: str, versions: Sequence[Version], span: tuple[datetime, ...], most: int
    ) -> None:
        self.task_id, self.versions = task_id, versions
        found = chain.from_iterable(version.expected(task_id, *span) for version in versions)
        times = array("q", map(_micros, islice(found, most + 1)))
        is_in_order = all(map(lt, times, islice(times, 1, None)))  # else a spread has changed
        self._times = times if is_in_order else array("q", sorted({*times}))
        self.causes = bytearray(len(self._times))

    def __len__(self) -> int:
        return len(self._times)

    def place(self, moment: datetime) -> int | None:
        """Return which of them is at a moment."""
        at = _micros(moment)
        found = bisect_left(self._times, at)
        return found if found < len(self._times) and self._times[found] == at else None

    def explain(self, first: datetime, end: datetime, cause: int) -> None:
        """Give all from `first` up to `end` that have no cause this one."""
        for place in range(*(bisect_left(self._times, _micros(one)) for one in (first, end))):
            self.causes[place] = self.causes[place] or cause

    def explain_ends(self, cause: int) -> None:
        """Give this cause to what fell due within a minute before its timetable changed, without a record.

        Beat may not have fired it by then, and a change never fires by surprise. Only the last are meant:
        beat fires the occurrences of a task in their order.
        """
        for version in self.versions:
            if version.until == ENDLESS or not version.is_known:
                continue
            end = version.until - spread_offset(self.task_id, version.rule().spread_seconds)
            place, first = bisect_right(self._times, _micros(end)) - 1, _micros(end - _UNDECIDED)
            while place >= 0 and self._times[place] > first and self.causes[place] == UNRECORDED:
                self.causes[place] = cause
                place -= 1

    def unrecorded(self) -> Iterator[str]:
        """Yield the ids of the runs of those without a cause."""
        place = self.causes.find(UNRECORDED)
        while place >= 0:
            yield occurrence_execution_id(self.task_id, _EPOCH + self._times[place] * _TICK)
            place = self.causes.find(UNRECORDED, place + 1)


def occurrence_of(execution_id: str) -> tuple[str, datetime | None]:
    """Return the task and the time of the occurrence that a run is of; no time if it is of none.

    >>> occurrence_of("tea@20260301T090000Z")[1].isoformat(), occurrence_of("tea@manual-01JAB")[1]
    ('2026-03-01T09:00:00+00:00', None)
    """
    task_id, _, text = execution_id.rpartition("@")
    try:
        return task_id, datetime.fromisoformat(text).astimezone(UTC) if text.endswith("Z") else None
    except (ValueError, OverflowError):
        return task_id, None


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _TICK
