"""Schedules made of dates, and of times on each of them."""

import datetime as dt
from abc import abstractmethod
from functools import cached_property
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from mission_control.model.definitions.schedules.clock.calendar_words import in_words
from mission_control.model.definitions.schedules.clock.times_of_day import parse_time
from mission_control.model.definitions.schedules.wall_clock_schedule import WallClockSchedule
from mission_control.model.values.fields import Listed, checked_by

_DAY = dt.timedelta(days=1)
# 29 February can be eight years away: 1896, 1904; 2096, 2104.
_DAYS_SEARCHED = 8 * 366
MOST_TIMES = 1_440
TimeOfDay = Annotated[str, checked_by(parse_time)]


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
