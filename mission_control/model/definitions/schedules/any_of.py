"""A union of several schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from mission_control.model.definitions.schedules.schedule_base import ScheduleBase
from mission_control.model.definitions.schedules.shorthand.full_form import full_form

if TYPE_CHECKING:
    from datetime import datetime

    # Defined where all types are known, and added there.
    from mission_control.model.definitions.schedules import Schedule  # noqa: TC004
    from mission_control.model.definitions.schedules.clock.wall_clock import Occurrence

MOST_SCHEDULES = 50
MOST_NESTED = 3


class AnySchedule(ScheduleBase):
    """The union of `schedules`; instants that several of them yield are one occurrence.

    Limits and exclusions of each member hold for that member, those of the union for all. Members without
    a `timezone` have the union's. Only the union may have `spread_seconds`.
    """

    type: Literal["any"] = "any"
    schedules: tuple[Schedule, ...] = Field(strict=False, min_length=1, max_length=MOST_SCHEDULES)

    def _following(self, moment: datetime) -> Occurrence | None:
        dues = [one.next_after(moment) for one in self.schedules]
        first = min((due for due in dues if due is not None), default=None)
        return self._local(first) if first is not None else None

    def _words(self) -> str:
        return "; or ".join(one.describe() for one in self.schedules)

    @model_validator(mode="before")
    @classmethod
    def _pass_zone_on(cls, data: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  # whatever the definition holds
        if not isinstance(data, Mapping) or "timezone" not in data:
            return data
        members = data.get("schedules")
        if not isinstance(members, list | tuple):
            return data
        return {**data, "schedules": [_in_zone(one, data["timezone"], info) for one in members]}

    @field_validator("schedules")
    @classmethod
    def _can_be_united(cls, value: tuple[Schedule, ...]) -> tuple[Schedule, ...]:
        for one in value:
            if one.spread_seconds:
                raise ValueError('"spread_seconds" belongs to the schedule of type "any"; move it there')
            if one.is_fixed_delay:
                raise ValueError(
                    'an interval with "measure_from": "finish" has no fixed times to unite; remove that key'
                )
            if _depth(one) >= MOST_NESTED:
                raise ValueError(f'schedules of type "any" may be nested {MOST_NESTED} deep; write one list')
        return value


def _in_zone(member: object, timezone: object, info: ValidationInfo) -> object:
    try:
        member = full_form(member, info.context, timezone)
    except ValueError:  # the check of the member reports it
        return member
    if not isinstance(member, Mapping) or "timezone" in member:
        return member
    return {**member, "timezone": timezone}


def _depth(schedule: ScheduleBase) -> int:
    if not isinstance(schedule, AnySchedule):
        return 0
    return 1 + max(_depth(one) for one in schedule.schedules)
