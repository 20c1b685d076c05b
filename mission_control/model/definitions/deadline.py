"""Until when a run of a task should have started and finished."""

from typing import Annotated, Any, Self

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from mission_control.model.definitions.schedules.clock.times_of_day import parse_time
from mission_control.model.values.fields import Span, ZoneName, checked_by
from mission_control.model.values.frozen_model import FrozenModel


class Deadline(FrozenModel):
    """A run that passes one of these is late, and goes on.

    `start_within` and `finish_within` count from when the run is due. `finish_by` is the next such time of
    day after that, in `timezone`, by default that of the schedule.
    """

    start_within: Span | None = None
    finish_within: Span | None = None
    finish_by: Annotated[str, checked_by(parse_time)] | None = None
    timezone: ZoneName | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.start_within is None and self.finish_within is None and self.finish_by is None:
            raise ValueError('say when: "start_within", "finish_within" or "finish_by"; null for no deadline')
        return self

    def of_run(self, timezone: str) -> dict[str, Any]:
        """Return it as a run of the task carries it; `timezone` is that of the task's schedule."""
        return {"timezone": timezone, **self.model_dump(mode="json")}

    @model_serializer(mode="wrap")
    def _as_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = dump(self)
        return {name: value for name, value in data.items() if value is not None}
