"""A task that is to run after another one."""

from __future__ import annotations

from typing import Literal

from mission_control.model.values.fields import TaskId
from mission_control.model.values.frozen_model import FrozenModel


class Dependency(FrozenModel):
    """One task whose runs release this one: when they succeed, when they fail, or in either case."""

    task: TaskId
    on: Literal["success", "failure", "finished"] = "success"
