"""On days of the week, at one or several times."""

from datetime import date
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from mission_control.model.definitions.schedules.clock.calendar_words import (
    WEEKDAYS,
    in_words,
    weekday_number,
)
from mission_control.model.definitions.schedules.dated_schedule import DatedSchedule
from mission_control.model.values.fields import Listed, checked_by


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
