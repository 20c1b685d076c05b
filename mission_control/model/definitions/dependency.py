"""A task that runs after another one."""

from __future__ import annotations

from typing import Literal

from mission_control.model.values.fields import TaskId
from mission_control.model.values.frozen_model import FrozenModel


class Dependency(FrozenModel):
    """Another task whose runs start this one: when they succeed, when they fail, or in either case."""

    task: TaskId
    on: Literal["success", "failure", "finished"] = "success"
