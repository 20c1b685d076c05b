"""On days of the month, or on one of its weekdays, at one or several times."""

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
    weekday_number,
)
from mission_control.model.definitions.schedules.dated_schedule import DatedSchedule
from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.fields import Listed, checked_by

_WEEKS = ("first", "second", "third", "fourth", "fifth")
_LONGEST_MONTH = 31
_LAST_MONTH = 12


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
