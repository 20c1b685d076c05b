"""A dependency of a task on another one."""

from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from mission_control.model.values.fields import Span, TaskId
from mission_control.model.values.frozen_model import FrozenModel


class Dependency(FrozenModel):
    """Another task whose runs start this one: when they succeed, fail, do either, or end in any way at all.

    With `within` its latest matching end counts, up to so many seconds from that of the others.
    """

    task: TaskId
    on: Literal["success", "failure", "finished", "any"] = "success"
    within: Span | None = None

    @model_serializer(mode="wrap")
    def _as_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = dump(self)
        return data if self.within is not None else {"task": self.task, "on": self.on}
