"""Schedules that are rules about local times."""

from abc import abstractmethod
from datetime import datetime

from mission_control.model.definitions.schedules.clock.wall_clock import Dst, Occurrence, following
from mission_control.model.definitions.schedules.schedule_base import ScheduleBase


class WallClockSchedule(ScheduleBase):
    """A rule about what the wall clock shows; `dst` decides about the days on which clocks change.

    Each type of schedule finds the next local time, as if clocks never changed.
    """

    def _following(self, moment: datetime) -> Occurrence | None:
        return following(moment, self.zone, self._rules, self._local_after)

    @property
    def _rules(self) -> Dst:
        return self.dst

    @abstractmethod
    def _local_after(self, local: datetime) -> datetime | None:
        """Return the first local time of the rule strictly after `local`."""
