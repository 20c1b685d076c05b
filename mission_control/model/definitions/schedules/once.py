"""At one moment and never again, or never by itself."""

from datetime import datetime
from functools import cached_property
from typing import Final, Literal

from mission_control.model.definitions.schedules.clock.wall_clock import Occurrence, instants_of, to_local
from mission_control.model.definitions.schedules.schedule_base import ScheduleBase
from mission_control.model.values.fields import Moment
from mission_control.model.values.instants import parse_moment


class OnceSchedule(ScheduleBase):
    """At `at`: an instant ("2026-03-01T09:00:00Z"), or a local time in `timezone` ("2026-03-01T09:00").

    A local time that a clock change skips or repeats follows `dst`; with "both" it happens twice.

    >>> OnceSchedule(at="2026-03-01T09:00", timezone="Europe/Berlin").describe()
    'once at 2026-03-01 09:00 (Europe/Berlin)'
    """

    type: Literal["once"] = "once"
    at: Moment

    def _following(self, moment: datetime) -> Occurrence | None:
        return next((one for one in self._all if one.instant > moment), None)

    def _words(self) -> str:
        local = self._all[0].local if len(self._all) else parse_moment(self.at)
        shown = local.isoformat(" ", "minutes" if not (local.second or local.microsecond) else "auto")
        return f"once at {shown} ({self.timezone})"

    @cached_property
    def _all(self) -> tuple[Occurrence, ...]:
        moment = parse_moment(self.at)
        if moment.tzinfo is not None:
            return (Occurrence(moment, to_local(moment, self.zone)),)
        return tuple(Occurrence(one, moment) for one in instants_of(moment, self.zone, self.dst))


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
