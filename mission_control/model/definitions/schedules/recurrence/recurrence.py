"""The local times of a recurrence rule, found near the moment asked about.

`dateutil` knows RFC 5545, but counts every occurrence from `dtstart`, which takes long if the rule began
years ago. Moved by whole periods (frequency times interval) to shortly before the moment asked about, the
rule has the same occurrences from there on. COUNT alone depends on the beginning; the time of the last
occurrence replaces it. The bounds of every search are those of `docs/adr/0029`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice

from dateutil.rrule import rrule, rrulestr

from mission_control.model.definitions.schedules.clock.wall_clock import TICK
from mission_control.model.definitions.schedules.recurrence.coarser_rule import coarser
from mission_control.model.definitions.schedules.recurrence.rule import SUB_DAILY, RecurrenceRule

# The Gregorian calendar, weekdays included, repeats itself exactly after 400 years.
_CYCLE_YEARS = 400
_LAST_YEAR = 9999
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
    """A rule and its beginning, in naive time; the caller applies UNTIL.

    As with `dateutil`, the beginning is an occurrence only if it fits the rule.
    """

    given: RecurrenceRule
    begin: datetime

    def after(self, local: datetime) -> datetime | None:
        """Return the first occurrence strictly after `local`; None if none is left before the year 10000."""
        found = self._first(local, inclusive=False)
        return found if found is None or self._last is None or found <= self._last else None

    def before(self, local: datetime) -> datetime | None:
        """Return the last occurrence strictly before `local`.

        The search goes back in strides that double until it meets an occurrence, then halves the time
        from there to `local`.
        """
        if self._last is not None:
            local = min(local, self._last + TICK)
        if local <= self.begin:
            return None
        stride, start = timedelta(days=1), local
        while (found := self._first(start, inclusive=True)) is None or found >= local:
            if start == self.begin:
                return None
            start, stride = local - min(stride, local - self.begin), 2 * stride
        high = local
        while (later := self._first(found, inclusive=False)) is not None and later < local:
            middle = later + (high - later) / 2
            beyond = self._first(middle, inclusive=True)
            if beyond is not None and beyond < local:
                found = beyond
            else:
                found, high = later, middle
        return found

    def has_occurrences(self) -> bool:
        """Return whether the rule ever happens, from looking at 400 years of it or more.

        Moved by whole cycles of the calendar the rule has the same occurrences, and near the end of the
        calendar a vain search for one ends soon.

        Raises:
            ValueError: the interval never meets the times that the rule names.
        """
        cycles = max((_LAST_YEAR - _CYCLE_YEARS - self.begin.year) // _CYCLE_YEARS, 0)
        late = self.begin.replace(year=self.begin.year + cycles * _CYCLE_YEARS)
        if self.rule.frequency in SUB_DAILY:  # Without such days, the search for a time of day takes long.
            days = {part: value for part, value in self.rule.by.items() if part not in _TIMES}
            if next(iter(_dateutil({"FREQ": "DAILY"} | days, late)), None) is None:
                return False
        return next(iter(self._endless.replace(dtstart=late)), None) is not None

    @cached_property
    def rule(self) -> RecurrenceRule:
        """The rule that is followed: the given one, in periods as long as is sensible."""
        return coarser(self.given, self.begin)

    def _first(self, local: datetime, *, inclusive: bool) -> datetime | None:
        """Return the first occurrence from `local` on, regardless of COUNT."""
        found: datetime | None = self._endless.replace(dtstart=self._begin_near(local)).after(
            local, inclusive
        )
        return found

    @cached_property
    def _last(self) -> datetime | None:
        """The last occurrence that COUNT leaves; None without COUNT, or if it is centuries away."""
        last = None
        for last in islice(self._endless, self.rule.count or 0):
            if last.year >= self.begin.year + _CYCLE_YEARS:
                return None
        return last

    @cached_property
    def _endless(self) -> rrule:
        """The rule without its end; the day that it takes from its beginning is spelled out."""
        rule, begin = self.rule, self.begin
        parts = {"FREQ": rule.frequency, "INTERVAL": str(rule.interval), "WKST": rule.week_start}
        if not rule.by.keys() & {"BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY"}:
            parts |= {"BYMONTH": str(begin.month)} if rule.frequency == "YEARLY" else {}
            parts |= {"BYMONTHDAY": str(begin.day)} if rule.frequency in {"YEARLY", "MONTHLY"} else {}
        return _dateutil(parts | dict(rule.by), begin)

    def _begin_near(self, local: datetime) -> datetime:
        """Return the beginning, moved to the period before that of `local`.

        The set of a period that begins in its middle is incomplete (BYSETPOS counts wrongly in it), hence
        the one before.
        """
        begin, interval = self.begin, self.rule.interval
        if self.rule.frequency == "YEARLY":
            years = _whole_periods(local.year - begin.year, interval)
            return begin.replace(year=begin.year + years, month=1, day=1) if years else begin
        if self.rule.frequency == "MONTHLY":
            first = begin.year * _MONTHS + begin.month - 1
            months = _whole_periods(local.year * _MONTHS + local.month - 1 - first, interval)
            year, month = divmod(first + months, _MONTHS)
            return begin.replace(year=year, month=month + 1, day=1) if months else begin
        unit = _UNITS[self.rule.frequency]
        return begin + _whole_periods((local - begin) // unit, interval) * unit


def _whole_periods(units: int, interval: int) -> int:
    """Return how many units make up all but the last of the whole periods in `units`."""
    return max(units // interval - 1, 0) * interval


def _dateutil(parts: dict[str, str], begin: datetime) -> rrule:
    text = ";".join(f"{key}={value}" for key, value in parts.items())
    parsed = rrulestr(text, dtstart=begin)
    if not isinstance(parsed, rrule):
        raise TypeError(f"{text} is a set of rules")
    return parsed
