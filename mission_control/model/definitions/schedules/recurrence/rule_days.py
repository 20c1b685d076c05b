"""The days and the times of an RFC 5545 recurrence rule."""

from calendar import isleap, monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import product
from math import gcd

from mission_control.model.definitions.schedules.recurrence.rule import SUB_DAILY, WEEKDAYS, RecurrenceRule

# The Gregorian calendar repeats itself, weekdays included, after 400 years: no search needs more periods.
_CYCLES = {"YEARLY": 400, "MONTHLY": 4_800, "WEEKLY": 20_871}
_CYCLE_DAYS = 146_097
# After so many periods, look whether any day fits at all.
_PATIENCE = 1_000
_LAST_DAY = date.max.toordinal()
# The quickest to tell first.
_PARTS = ("BYMONTH", "BYMONTHDAY", "BYDAY", "BYYEARDAY", "BYWEEKNO")
_DAY = 86_400
_UNITS = {"HOURLY": 3_600, "MINUTELY": 60, "SECONDLY": 1}
_TIMES = (("BYHOUR", 3_600, 24), ("BYMINUTE", 60, 60), ("BYSECOND", 1, 60))


@dataclass(frozen=True)
class RuleDays:
    """The days of a rule in its periods: years, months or weeks, or else single days.

    The period of a rule with week numbers is the year that whole weeks belong to, as in ISO 8601.
    """

    rule: RecurrenceRule
    begin: date

    def periods_from(self, day: date) -> Iterator[list[date]]:
        """Yield the days in each period from that of `day` on; it is not before the beginning."""
        interval = 1 if self.rule.frequency in SUB_DAILY else self.rule.interval
        origin, first = self._period_of(self.begin), self._period_of(day)
        first -= (first - origin) % interval
        for number in range(_CYCLES.get(self.rule.frequency, _CYCLE_DAYS)):
            days = self._span(first + interval * number)
            if days.start > _LAST_DAY or (number == _PATIENCE and self._never_fits):
                return
            in_calendar = [one for one in self._in_weeks(days) if 1 <= one <= _LAST_DAY]
            yield [one for one in map(date.fromordinal, in_calendar) if self._fits(one)]

    def _period_of(self, day: date) -> int:
        if self.rule.frequency == "YEARLY":
            return self._week(day)[0] if "BYWEEKNO" in self.rule.by else day.year
        if self.rule.frequency == "MONTHLY":
            return day.year * 12 + day.month - 1
        number = day.toordinal()
        return (number - 1 - self._week_start) // 7 if self.rule.frequency == "WEEKLY" else number

    def _span(self, period: int) -> range:
        """Return the days of a period, by their ordinal numbers."""
        if self.rule.frequency == "YEARLY":
            begin_of = self._first_week if "BYWEEKNO" in self.rule.by else _new_year
            return range(begin_of(period), begin_of(period + 1))
        if self.rule.frequency == "MONTHLY":
            return range(_new_month(period), _new_month(period + 1))
        if self.rule.frequency == "WEEKLY":
            first = period * 7 + 1 + self._week_start
            return range(first, first + 7)
        return range(period, period + 1)

    def _in_weeks(self, year: range) -> Iterable[int]:
        """Return the days of a year in the weeks that the rule names; most rules name none."""
        if self.rule.frequency != "YEARLY" or "BYWEEKNO" not in self.rule.by:
            return year
        weeks = len(year) // 7
        places = {
            number - 1 if number > 0 else weeks + number for number in map(int, self.rule.listed("BYWEEKNO"))
        }
        return [
            day
            for place in sorted(places)
            for day in year[place * 7 : place * 7 + 7]
            if place in range(weeks)
        ]

    def _fits(self, day: date) -> bool:
        if day.month not in self._months or day.weekday() not in self._weekdays:
            return False  # as most days do, at little cost
        return all(not self._names(part, day).isdisjoint(wanted) for part, wanted in self.wanted.items())

    def _names(self, part: str, day: date) -> set[str]:
        """Return what `part` calls a day: its number from the beginning, and from the end."""
        if part == "BYMONTH":
            return {str(day.month)}
        in_year = part == "BYYEARDAY" or (part == "BYDAY" and self._counts_in_year)
        place, length = self._week(day)[1:] if part == "BYWEEKNO" else _place(day, in_year=in_year)
        if part != "BYDAY":
            return {str(place), str(place - length - 1)}
        name = WEEKDAYS[day.weekday()]
        return {name, f"{(place + 6) // 7}{name}", f"{-((length - place) // 7) - 1}{name}"}

    @cached_property
    def wanted(self) -> dict[str, list[str]]:
        """What each part about days names; what the rule does not say comes from its beginning."""
        frequency, parts = self.rule.frequency, [part for part in _PARTS if part in self.rule.by]
        wanted = {part: self.rule.listed(part) for part in parts}
        if wanted.keys() & {"BYYEARDAY", "BYMONTHDAY", "BYDAY"}:
            return wanted
        if frequency == "WEEKLY" or (frequency in {"YEARLY", "MONTHLY"} and "BYWEEKNO" in wanted):
            return wanted | {"BYDAY": [WEEKDAYS[self.begin.weekday()]]}
        if frequency == "YEARLY":
            wanted = {"BYMONTH": [str(self.begin.month)]} | wanted
        return wanted | ({"BYMONTHDAY": [str(self.begin.day)]} if frequency in {"YEARLY", "MONTHLY"} else {})

    @cached_property
    def _months(self) -> frozenset[int]:
        return frozenset(map(int, self.wanted.get("BYMONTH", range(1, 13))))

    @cached_property
    def _weekdays(self) -> frozenset[int]:
        return frozenset(WEEKDAYS.index(one[-2:]) for one in self.wanted.get("BYDAY", WEEKDAYS))

    @cached_property
    def _never_fits(self) -> bool:
        """Whether no day of any year fits: these 28 years have all 14 kinds of years, with all neighbours."""
        return not any(map(self._fits, map(date.fromordinal, range(_new_year(2000), _new_year(2028)))))

    @property
    def _counts_in_year(self) -> bool:
        """Whether 2MO in BYDAY is the second Monday of a year, not of a month."""
        return self.rule.frequency != "MONTHLY" and "BYMONTH" not in self.rule.by

    @cached_property
    def _week_start(self) -> int:
        return WEEKDAYS.index(self.rule.week_start)

    def _first_week(self, year: int) -> int:
        """Return the first day of week 1, the first week with four days or more in its year."""
        fourth = _new_year(year) + 3
        return fourth - (fourth - 1 - self._week_start) % 7

    def _week(self, day: date) -> tuple[int, int, int]:
        """Return the year that a day's week belongs to, the week's number, and the weeks of that year."""
        number, year = day.toordinal(), day.year
        year += (number >= self._first_week(year + 1)) - (number < self._first_week(year))
        first, following = self._first_week(year), self._first_week(year + 1)
        return year, (number - first) // 7 + 1, (following - first) // 7


def _new_year(year: int) -> int:
    """Return the ordinal number of 1 January, also beyond the year 9999."""
    years = year - 1
    return years * 365 + years // 4 - years // 100 + years // 400 + 1


def _new_month(month: int) -> int:
    year, index = divmod(month, 12)
    return date(year, index + 1, 1).toordinal() if year <= date.max.year else _new_year(year)


def _place(day: date, *, in_year: bool) -> tuple[int, int]:
    """Return a day's place in its year or month, and how many days that has."""
    if in_year:
        return day.toordinal() - _new_year(day.year) + 1, 365 + isleap(day.year)
    return day.day, monthrange(day.year, day.month)[1]


@dataclass(frozen=True)
class RuleTimes:
    """The times of a rule on each day that fits it, in seconds of the day, in order."""

    rule: RecurrenceRule
    begin: datetime

    def on(self, day: date) -> Sequence[int]:
        """Return the times on `day`, which the interval of a rule within the day may shift."""
        units, interval = _DAY // self._unit, self.rule.interval
        if self._unit == _DAY or units % interval == 0:
            return self.usual
        since = (self.begin.toordinal() - day.toordinal()) * units + second_of_day(self.begin) // self._unit
        return self._within(range(since % interval, units, interval))

    @cached_property
    def usual(self) -> Sequence[int]:
        """The times that the rule can have on any day; none if its interval never meets what it names."""
        units = _DAY // self._unit
        step = units if self._unit == _DAY else gcd(self.rule.interval, units)
        return self._within(range(second_of_day(self.begin) // self._unit % step, units, step))

    def _within(self, units: range) -> Sequence[int]:
        """Return the times within those of the `units` of a day that the rule names."""
        limits = [(part, size, count) for part, size, count in _TIMES if size >= self._unit]
        named = [(size, count, self._numbers(part)) for part, size, count in limits if part in self.rule.by]
        seconds = range(units.start * self._unit, units.stop * self._unit, units.step * self._unit)
        if self._unit == 1 and not named:
            return seconds
        fit = (one for one in seconds if all(one // size % count in given for size, count, given in named))
        return [one + offset for one in fit for offset in self._offsets]

    @cached_property
    def _offsets(self) -> list[int]:
        """The times within a unit: the smaller units that the rule names, or else those of the beginning."""
        finer = [
            {size * number for number in self._numbers(part) or {second_of_day(self.begin) // size % count}}
            for part, size, count in _TIMES
            if size < self._unit
        ]
        return sorted(map(sum, product(*finer)))

    def _numbers(self, part: str) -> set[int]:
        return set(map(int, self.rule.listed(part)))

    @cached_property
    def _unit(self) -> int:
        return _UNITS.get(self.rule.frequency, _DAY)


def second_of_day(moment: datetime) -> int:
    """Return the seconds since midnight, without a fraction."""
    return moment.hour * 3_600 + moment.minute * 60 + moment.second
