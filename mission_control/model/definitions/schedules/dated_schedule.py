"""Schedules of days at times of day: every day, days of the week, days of the month."""

import datetime as dt
from abc import abstractmethod
from calendar import monthrange
from datetime import date
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, ValidationInfo, field_validator

from mission_control.model.definitions.schedules.clock.calendar_words import (
    MONTHS,
    WEEKDAYS,
    in_words,
    month_number,
    ordinal,
    parse_time,
    weekday_number,
)
from mission_control.model.definitions.schedules.schedule_base import WallClockSchedule
from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.fields import Listed, checked_by

_DAY = dt.timedelta(days=1)
# 29 February can be eight years away: 1896, 1904; 2096, 2104.
_DAYS_SEARCHED = 8 * 366
MOST_TIMES = 1_440
TimeOfDay = Annotated[str, checked_by(parse_time)]
_WEEKS = ("first", "second", "third", "fourth", "fifth")
_LONGEST_MONTH = 31
_LAST_MONTH = 12


class DatedSchedule(WallClockSchedule):
    """Some dates, and one `time` or several `times` on each: "HH:MM" or "HH:MM:SS"."""

    times: Annotated[Listed[TimeOfDay], Field(max_length=MOST_TIMES)] | None = None
    time: TimeOfDay | None = Field(default=None, validate_default=True)

    def _local_after(self, local: dt.datetime) -> dt.datetime | None:
        later = next((one for one in self._times if one > local.time()), None)
        if later is not None and self._is_on(local.date()):
            return dt.datetime.combine(local.date(), later)
        days = (local.date() + number * _DAY for number in range(1, _DAYS_SEARCHED))
        day = next((one for one in days if self._is_on(one)), None)
        return dt.datetime.combine(day, self._times[0]) if day is not None else None

    @abstractmethod
    def _is_on(self, day: dt.date) -> bool:
        """Return whether `day` is one of the dates."""

    @cached_property
    def _times(self) -> tuple[dt.time, ...]:
        given = self.times if self.times is not None else (self.time or "",)
        return tuple(sorted({parse_time(one) for one in given}))

    def _at_times(self) -> str:
        texts = [one.isoformat("minutes" if not one.second else "seconds") for one in self._times]
        return f"at {in_words(texts)} ({self.timezone})"

    @field_validator("time")
    @classmethod
    def _one_of_both(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "times" not in info.data:  # it is wrong in itself
            return value
        if value is None and info.data["times"] is None:
            raise ValueError('is missing; write "HH:MM", for example "09:00", or a list of them as "times"')
        if value is not None and info.data["times"] is not None:
            raise ValueError('"time" and "times" are both given; write all times into "times"')
        return value


class DailySchedule(DatedSchedule):
    """Every day at `time`, or at each of `times`.

    >>> DailySchedule(time="09:00", timezone="Europe/Berlin").describe()
    'every day at 09:00 (Europe/Berlin)'
    """

    type: Literal["daily"] = "daily"

    def _is_on(self, day: date) -> bool:
        return bool(day)

    def _words(self) -> str:
        return f"every day {self._at_times()}"


class WeeklySchedule(DatedSchedule):
    """On each of `days`, by their long or short English names, at `time` or each of `times`.

    >>> WeeklySchedule(days=("mon", "friday"), time="09:00").describe()
    'every Monday and Friday at 09:00 (UTC)'
    """

    type: Literal["weekly"] = "weekly"
    days: Annotated[Listed[Annotated[str, checked_by(weekday_number)]], Field(max_length=50)]

    def _is_on(self, day: date) -> bool:
        return day.weekday() in self._weekdays

    def _words(self) -> str:
        names = in_words([WEEKDAYS[number].capitalize() for number in sorted(self._weekdays)])
        return f"every {names} {self._at_times()}"

    @cached_property
    def _weekdays(self) -> frozenset[int]:
        return frozenset(weekday_number(name) for name in self.days)


def _day_of_month(value: object) -> int | str:
    if value == "last":
        return "last"
    if type(value) is int and 1 <= value <= _LONGEST_MONTH:
        return value
    raise ValueError(f'{quoted(value)} is not a day of a month; write 1 to 31, or "last"')


def _month(value: object) -> int | str:
    if isinstance(value, str):
        month_number(value)
        return value
    if type(value) is int and 1 <= value <= _LAST_MONTH:
        return value
    raise ValueError(f'{quoted(value)} is not a month; write 1 to 12, or "january" or "jan"')


Month = Annotated[int | str, PlainValidator(_month)]
DayOfMonth = Annotated[int | str, PlainValidator(_day_of_month)]


class MonthlySchedule(DatedSchedule):
    """On `days` of the month (1 to 31, "last"), or on the `week`-th `weekday`; in all or some `months`.

    A month without such a day has no occurrence. Days that none of the months has are refused.

    >>> MonthlySchedule(days=(1, "last"), time="09:00").describe()
    'on the 1st and last day of every month at 09:00 (UTC)'
    """

    type: Literal["monthly"] = "monthly"
    months: Annotated[Listed[Month], Field(max_length=50)] | None = None
    days: Annotated[Listed[DayOfMonth], Field(max_length=50)] | None = None
    week: Literal["first", "second", "third", "fourth", "last"] | None = None
    weekday: Annotated[str, checked_by(weekday_number)] | None = Field(default=None, validate_default=True)

    def _is_on(self, day: date) -> bool:
        length = monthrange(day.year, day.month)[1]
        if day.month not in self._months:
            return False
        if self.days is not None:
            return day.day in self.days or (day.day == length and "last" in self.days)
        is_in_week = day.day + 7 > length if self.week == "last" else _WEEKS[(day.day - 1) // 7] == self.week
        return is_in_week and day.weekday() == self._weekday

    def _words(self) -> str:
        months = "every month"
        if self.months is not None:
            months = in_words([MONTHS[number - 1].capitalize() for number in sorted(self._months)])
        if self._weekday is not None:
            name = WEEKDAYS[self._weekday].capitalize()
            return f"on the {self.week} {name} of {months} {self._at_times()}"
        numbers = sorted({int(day) for day in self.days or () if day != "last"})
        days = [ordinal(number) for number in numbers] + ["last"] * ("last" in (self.days or ()))
        return f"on the {in_words(days)} day of {months} {self._at_times()}"

    @cached_property
    def _months(self) -> frozenset[int]:
        months = self.months if self.months is not None else range(1, _LAST_MONTH + 1)
        return frozenset(month_number(one) if isinstance(one, str) else one for one in months)

    @cached_property
    def _weekday(self) -> int | None:
        return weekday_number(self.weekday) if self.weekday is not None else None

    @field_validator("weekday")
    @classmethod
    def _days_or_weekday(cls, value: str | None, info: ValidationInfo) -> str | None:
        if not {"days", "week"} <= info.data.keys():  # they are wrong in themselves
            return value
        days, week = info.data["days"], info.data["week"]
        if (week is None) != (value is None):
            raise ValueError('"week" and "weekday" go together, for example "first" and "monday"')
        if (days is None) == (week is None):
            raise ValueError(
                'a monthly schedule has either "days", for example [1, "last"], '
                'or "week" and "weekday", for example "first" and "monday"'
            )
        return value
