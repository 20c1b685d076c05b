"""Every day, at one or several times."""

from datetime import date
from typing import Literal

from mission_control.model.definitions.schedules.dated_schedule import DatedSchedule


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
