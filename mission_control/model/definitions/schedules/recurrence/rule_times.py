"""At which times of a day a recurrence rule happens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import product
from math import gcd

from mission_control.model.definitions.schedules.recurrence.rule import RecurrenceRule

_DAY = 86_400
_UNITS = {"HOURLY": 3_600, "MINUTELY": 60, "SECONDLY": 1}
_PARTS = (("BYHOUR", 3_600, 24), ("BYMINUTE", 60, 60), ("BYSECOND", 1, 60))


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
        limits = [(part, size, count) for part, size, count in _PARTS if size >= self._unit]
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
            for part, size, count in _PARTS
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
