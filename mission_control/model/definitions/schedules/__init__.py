"""When a task is due: nine types of schedule, distinguished by `type`.

A schedule is a pure function of the moment asked about: `next_after`, `previous_before`, `occurrences`.
`describe` returns it in plain words.
"""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from mission_control.model.definitions.schedules import any_of
from mission_control.model.definitions.schedules.any_of import AnySchedule
from mission_control.model.definitions.schedules.clock.spread import spread_offset
from mission_control.model.definitions.schedules.cron import CronSchedule
from mission_control.model.definitions.schedules.dated_schedule import (
    DailySchedule,
    MonthlySchedule,
    WeeklySchedule,
)
from mission_control.model.definitions.schedules.interval import IntervalSchedule
from mission_control.model.definitions.schedules.once import NO_SCHEDULE, OnceSchedule
from mission_control.model.definitions.schedules.rrule import RRuleSchedule
from mission_control.model.definitions.schedules.schedule_base import ScheduleBase
from mission_control.model.definitions.schedules.shorthand.full_form import full_form
from mission_control.model.definitions.schedules.solar import SolarSchedule


def _happening(schedule: ScheduleBase) -> ScheduleBase:
    """Return the schedule if it has occurrences.

    Raises:
        ValueError: it has none, whatever the reason.
    """
    if not schedule.happens():
        try:
            words = schedule.describe()
        except OverflowError:
            words = "a time beyond the calendar, which has the years 1 to 9999"
        raise ValueError(
            f"{words}: that never happens, because of its limits, exclusions or clock changes, "
            "or because there is no such day; change one of them"
        )
    return schedule


Schedule = Annotated[
    DailySchedule
    | WeeklySchedule
    | MonthlySchedule
    | IntervalSchedule
    | CronSchedule
    | OnceSchedule
    | RRuleSchedule
    | SolarSchedule
    | AnySchedule,
    Field(discriminator="type"),
    AfterValidator(_happening),
    BeforeValidator(lambda schedule, info: full_form(schedule, info.context)),
]
"""Any type of schedule; pydantic picks the model by `type`. A caller may give it in words: "every 5m"."""

# The union's module cannot import it; pydantic looks there when it builds the checks, at their first use.
any_of.Schedule = Schedule  # type: ignore[attr-defined]

__all__ = [
    "NO_SCHEDULE",
    "AnySchedule",
    "CronSchedule",
    "DailySchedule",
    "IntervalSchedule",
    "MonthlySchedule",
    "OnceSchedule",
    "RRuleSchedule",
    "Schedule",
    "ScheduleBase",
    "SolarSchedule",
    "WeeklySchedule",
    "spread_offset",
]
