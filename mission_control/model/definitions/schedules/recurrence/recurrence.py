"""The local times of a recurrence rule of RFC 5545, found near the moment asked about."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property

from mission_control.model.definitions.schedules.recurrence.rule import RecurrenceRule
from mission_control.model.definitions.schedules.recurrence.rule_days import (
    RuleDays,
    RuleTimes,
    second_of_day,
)

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Recurrence:
    """A rule and its beginning, in naive time; the caller applies COUNT and UNTIL.

    The beginning is an occurrence only if it fits the rule. What the rule does not say comes from it (RFC
    5545, 3.3.10). A search ends with the year 9999, or after 400 years in which no day fits.
    """

    rule: RecurrenceRule
    begin: datetime

    def after(self, local: datetime) -> datetime | None:
        """Return the first occurrence strictly after `local`, or None.

        Raises:
            OverflowError: `local` is in the last second of the calendar.
        """
        bound = max(local.replace(microsecond=0) + _SECOND, self.begin)
        for day, seconds in self._days_from(bound.date()):
            index = bisect_left(seconds, second_of_day(bound)) if day == bound.date() else 0
            if day >= bound.date() and index < len(seconds):
                return datetime.combine(day, time.min) + seconds[index] * _SECOND
        return None

    def _days_from(self, start: date) -> Iterator[tuple[date, Sequence[int]]]:
        """Yield the days of whole periods with their times, in seconds."""
        if not len(self._times.usual):
            return
        for days in self._rule_days.periods_from(start):
            if days:
                yield from self._chosen([(day, self._times.on(day)) for day in days])

    def _chosen(self, days: list[tuple[date, Sequence[int]]]) -> list[tuple[date, Sequence[int]]]:
        """Return a period's occurrences, those that BYSETPOS chooses if it is given."""
        if "BYSETPOS" not in self.rule.by:
            return days
        moments = [(day, second) for day, seconds in days for second in seconds]
        places = [at for at in map(int, self.rule.listed("BYSETPOS")) if abs(at) <= len(moments)]
        return [(day, [second]) for day, second in sorted({moments[at - (at > 0)] for at in places})]

    @cached_property
    def _rule_days(self) -> RuleDays:
        return RuleDays(self.rule, self.begin.date())

    @cached_property
    def _times(self) -> RuleTimes:
        return RuleTimes(self.rule, self.begin)
