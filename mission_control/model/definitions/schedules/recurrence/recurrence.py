"""The local times of a recurrence rule, found near the moment asked about.

`dateutil` knows RFC 5545, but counts every occurrence from the beginning: of a rule that began years ago
that takes long. A rule repeats itself with its period (its frequency times its interval), so it may as
well begin at any later period, once what it takes from its beginning (the day, the time) is spelled out.
Only COUNT is tied to the beginning; the time of the last occurrence takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from itertools import islice

from dateutil.rrule import rrule, rrulestr

from mission_control.model.definitions.schedules.clock.wall_clock import TICK
from mission_control.model.definitions.schedules.recurrence.coarser_rule import coarser
from mission_control.model.definitions.schedules.recurrence.rule import (
    FREQUENCIES,
    SUB_DAILY,
    WEEKDAYS,
    RecurrenceRule,
)

# The Gregorian calendar, weekdays included, repeats itself after 400 years exactly.
_CYCLE_YEARS = 400
_LAST_YEAR = 9999
_SOME_MIDNIGHT = datetime(2000, 1, 1)  # noqa: DTZ001  # naive time
_MONTHS = 12
_TIMES = {"BYHOUR", "BYMINUTE", "BYSECOND"}
_UNITS = {
    "WEEKLY": timedelta(weeks=1),
    "DAILY": timedelta(days=1),
    "HOURLY": timedelta(hours=1),
    "MINUTELY": timedelta(minutes=1),
    "SECONDLY": timedelta(seconds=1),
}


@dataclass(frozen=True)
class Recurrence:
    """A rule and its beginning, in naive time; UNTIL is the caller's to apply.

    As with `dateutil`, the beginning itself is an occurrence only if it fits the rule.
    """

    given: RecurrenceRule
    begin: datetime

    def after(self, local: datetime) -> datetime | None:
        """Return the first occurrence strictly after `local`; None if none is left before the year 10000."""
        found: datetime | None = self._from_period(max(self._period_of(local) - 1, 0)).after(local)
        return found if found is not None and not self._is_past_count(found) else None

    def before(self, local: datetime) -> datetime | None:
        """Return the last occurrence strictly before `local`."""
        if self._last is not None:
            local = min(local, self._last + TICK)
        high = max(self._period_of(local) + 1, 1)
        low, step = high - 1, 1
        while not self._has_between(low, local):
            if low == 0:
                return None
            high, step = low, 2 * step
            low = max(low - step, 0)
        while high - low > 1:
            middle = (low + high) // 2
            if self._has_between(middle, local):
                low = middle
            else:
                high = middle
        found: datetime | None = self._from_period(low).before(local)
        return found

    def has_occurrences(self) -> bool:
        """Return whether the rule ever happens, from looking at 400 years of it or more.

        Moved by whole cycles of the calendar the rule has the same occurrences; shortly before the end of
        the calendar the search for one ends soon.

        Raises:
            ValueError: the interval never meets the times that the rule names.
        """
        if not self._fits_some_day():
            return False
        return next(iter(self._spelled_out.replace(dtstart=self._late_begin)), None) is not None

    def _fits_some_day(self) -> bool:
        """Return whether the days that the rule names exist, regardless of times: that is soon found out."""
        if self.rule.frequency not in SUB_DAILY:
            return True
        days = {part: value for part, value in self.rule.by.items() if part not in _TIMES | {"BYSETPOS"}}
        text = ";".join(f"{key}={value}" for key, value in ({"FREQ": "DAILY"} | days).items())
        return next(iter(rrulestr(text, dtstart=self._late_begin)), None) is not None

    @cached_property
    def rule(self) -> RecurrenceRule:
        """The rule that is followed: the given one, in periods as long as is sensible."""
        return coarser(self.given, self.begin)

    @property
    def _late_begin(self) -> datetime:
        """The beginning, moved to the last cycles of the calendar."""
        cycles = (_LAST_YEAR - _CYCLE_YEARS - self.begin.year) // _CYCLE_YEARS
        return self.begin.replace(year=self.begin.year + max(cycles, 0) * _CYCLE_YEARS)

    def _has_between(self, period: int, local: datetime) -> bool:
        """Return whether an occurrence lies in a period or later, but before `local`."""
        found = next(iter(self._from_period(period)), None)
        return found is not None and found < local

    def _is_past_count(self, local: datetime) -> bool:
        return self._last is not None and local > self._last

    @cached_property
    def _last(self) -> datetime | None:
        """Return the last occurrence that COUNT leaves; None without COUNT, or if it is centuries away."""
        if self.rule.count is None:
            return None
        last = None
        for last in islice(self._from_period(0), self.rule.count):
            if last.year >= self.begin.year + _CYCLE_YEARS:
                return None
        return last

    def _from_period(self, period: int) -> rrule:
        return self._spelled_out.replace(dtstart=self._begin_of(period))

    @cached_property
    def _spelled_out(self) -> rrule:
        """The rule without its end, and with what it takes from its beginning."""
        parts = {
            "FREQ": self.rule.frequency,
            "INTERVAL": str(self.rule.interval),
            "WKST": self.rule.week_start,
        }
        text = ";".join(f"{key}={value}" for key, value in (parts | self._taken | dict(self.rule.by)).items())
        parsed = rrulestr(text, dtstart=self.begin)
        if not isinstance(parsed, rrule):
            raise TypeError(f"{text} is a set of rules")
        return parsed

    @cached_property
    def _taken(self) -> dict[str, str]:
        """Return the parts that RFC 5545 takes from the beginning where the rule does not name them."""
        begin, frequency = self.begin, FREQUENCIES.index(self.rule.frequency)
        times = (("BYHOUR", begin.hour, 4), ("BYMINUTE", begin.minute, 5), ("BYSECOND", begin.second, 6))
        taken = {part: str(value) for part, value, finer in times if frequency < finer}
        if self.rule.by.keys() & {"BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY"}:
            return taken
        if self.rule.frequency == "WEEKLY":
            return taken | {"BYDAY": WEEKDAYS[begin.weekday()]}
        if self.rule.frequency == "YEARLY":
            return taken | {"BYMONTH": str(begin.month), "BYMONTHDAY": str(begin.day)}
        return taken | ({"BYMONTHDAY": str(begin.day)} if self.rule.frequency == "MONTHLY" else {})

    def _period_of(self, local: datetime) -> int:
        """Return the number of the period in which `local` lies, 0 for the first."""
        if self.rule.frequency == "YEARLY":
            return (local.year - self.begin.year) // self.rule.interval
        if self.rule.frequency == "MONTHLY":
            months = (local.year - self.begin.year) * _MONTHS + local.month - self.begin.month
            return months // self.rule.interval
        return (local - self._first_period) // (self.rule.interval * _UNITS[self.rule.frequency])

    def _begin_of(self, period: int) -> datetime:
        if period == 0:
            return self.begin
        if self.rule.frequency == "YEARLY":
            return datetime(self.begin.year + period * self.rule.interval, 1, 1)  # noqa: DTZ001  # naive time
        if self.rule.frequency == "MONTHLY":
            months = self.begin.year * _MONTHS + self.begin.month - 1 + period * self.rule.interval
            return datetime(months // _MONTHS, months % _MONTHS + 1, 1)  # noqa: DTZ001
        return self._first_period + period * self.rule.interval * _UNITS[self.rule.frequency]

    @cached_property
    def _first_period(self) -> datetime:
        """Return where the period of the beginning would have begun."""
        if self.rule.frequency in SUB_DAILY:
            return self.begin - (self.begin - _SOME_MIDNIGHT) % _UNITS[self.rule.frequency]
        first = datetime.combine(self.begin.date(), time.min)
        if self.rule.frequency != "WEEKLY":
            return first
        return first - timedelta(days=(first.weekday() - WEEKDAYS.index(self.rule.week_start)) % 7)
