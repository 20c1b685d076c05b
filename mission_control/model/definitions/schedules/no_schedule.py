"""The schedule of a task that has none."""

from datetime import datetime
from typing import Final, Literal

from mission_control.model.definitions.schedules.clock.wall_clock import Occurrence
from mission_control.model.definitions.schedules.schedule_base import ScheduleBase


class NoSchedule(ScheduleBase):
    """Never: the task runs after others, or by hand. In a definition it is null, or left out."""

    type: Literal["none"] = "none"

    @property
    def has_occurrences(self) -> bool:
        """Whether the task is ever due by itself."""
        return False

    def _following(self, moment: datetime) -> Occurrence | None:  # noqa: ARG002
        return None

    def _words(self) -> str:
        return "without a schedule"


NO_SCHEDULE: Final = NoSchedule.model_construct()  # its checks are built when first used
