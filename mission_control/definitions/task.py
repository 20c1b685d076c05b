"""The definition of a task: what is run, when, and what follows from how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator

from mission_control.definitions.bookkeeping import ExecutionHistory, Metadata
from mission_control.definitions.dependency import Dependency
from mission_control.definitions.fields import HandlerPath, Line, PositiveSeconds, QueueName, TaskId, Text
from mission_control.definitions.frozen_model import FrozenModel
from mission_control.definitions.json_values import json_copy, structure_problems
from mission_control.definitions.misfire import Misfire
from mission_control.definitions.notify import Notify
from mission_control.definitions.problem_messages import shown
from mission_control.definitions.problems import problems_of
from mission_control.definitions.retry_policy import RetryPolicy
from mission_control.definitions.schedules import Schedule
from mission_control.definitions.suggestions import quoted
from mission_control.errors import InvalidTaskError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_DEPENDENCIES = 100
MOST_TAGS = 100
# Redis queues of four priorities are built from Celery's ten levels.
HIGHEST_PRIORITY = 9


class TaskDefinition(FrozenModel):
    """A task, checked: whatever is stored, scheduled or run has passed through here.

    The order of the fields is the order in which `to_dict` writes them. Make one with `parse_task`.
    """

    id: TaskId
    name: Line = Field(default_factory=lambda data: data.get("id", ""))
    description: Text = ""
    schedule: Schedule
    handler: HandlerPath
    enabled: bool = True
    metadata: Metadata = Metadata()
    execution_history: ExecutionHistory = ExecutionHistory()
    retry_policy: RetryPolicy = RetryPolicy()
    params: Annotated[dict[str, Any], AfterValidator(json_copy)] = Field(default_factory=dict)
    timeout_seconds: PositiveSeconds | None = None
    expires_seconds: PositiveSeconds | None = None
    misfire: Misfire = Misfire()
    overlap: Literal["skip", "queue", "allow", "replace"] = "skip"
    after: tuple[Dependency, ...] = Field(default=(), strict=False, max_length=MOST_DEPENDENCIES)
    join: Literal["all", "any"] = "all"
    condition: HandlerPath | None = None
    pause_after_failures: int | None = Field(default=None, ge=1, le=1_000_000)
    notify: Notify = Notify()
    queue: QueueName = "default"
    priority: int = Field(default=0, ge=0, le=HIGHEST_PRIORITY)
    owner: Line = "api"
    tags: tuple[Line, ...] = Field(default=(), strict=False, max_length=MOST_TAGS)

    @field_validator("after")
    @classmethod
    def _comes_after_others(
        cls, after: tuple[Dependency, ...], info: ValidationInfo
    ) -> tuple[Dependency, ...]:
        upstream = [dependency.task for dependency in after]
        problems = [
            Problem(f"[{at}].task", f"{quoted(task)} is {fault}")
            for at, task in enumerate(upstream)
            if (fault := _dependency_fault(task, info.data.get("id"), upstream[:at])) is not None
        ]
        if problems:
            raise InvalidTaskError(problems)
        return after

    def to_dict(self) -> dict[str, Any]:
        """Return the definition as JSON has it; `parse_task` of it gives an equal definition.

        Optional keys of the schedule that were not given stay away; everything else is written out.
        """
        return self.model_dump(mode="json")


def parse_task(
    data: Mapping[str, Any],
    *,
    default_timezone: str = "UTC",
    read_text: Callable[[Path], str] | None = None,
) -> TaskDefinition:
    """Check a definition and return it.

    `default_timezone` is taken where the schedule names none. `read_text` opens the calendars that an
    exclusion names; without it such an exclusion is a problem. Whether the handler exists is not asked
    here.

    Raises:
        InvalidTaskError: lists every problem with its path, the value and what would be right.
    """
    if not isinstance(data, Mapping):
        raise InvalidTaskError([Problem("", f"{shown(data)} is not an object with the fields of a task")])
    given = dict(data)
    problems = structure_problems(given)
    if problems:
        raise InvalidTaskError(problems, subject=_subject(given))
    try:
        return TaskDefinition.model_validate(
            given, context={"default_timezone": default_timezone, "read_text": read_text}
        )
    except ValidationError as error:
        raise InvalidTaskError(problems_of(error, TaskDefinition), subject=_subject(given)) from error


def _subject(data: dict[str, Any]) -> str:
    given = data.get("id")
    return f"task {shown(given)}" if isinstance(given, str) else "task definition"


def _dependency_fault(task: str, own_id: str | None, earlier: list[str]) -> str | None:
    if task == own_id:
        return "this task itself; a task cannot run after itself"
    return "listed twice" if task in earlier else None
