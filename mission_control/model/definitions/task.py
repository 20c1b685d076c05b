"""The definition of a task: what runs, when, and what follows from its outcome.

This file has more than 250 lines because all fields of a task are checked together.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_validator,
)

from mission_control.errors import InvalidTaskError, Problem
from mission_control.model.definitions.condition import Condition
from mission_control.model.definitions.named_budget import BudgetUse
from mission_control.model.definitions.named_limit import MOST_USES, LimitUse
from mission_control.model.definitions.schedules import NO_SCHEDULE, Schedule
from mission_control.model.definitions.task_parts import (
    Deadline,
    Dependency,
    ExecutionHistory,
    Metadata,
    Misfire,
    Notify,
    RetryPolicy,
)
from mission_control.model.problems.json_values import json_copy, plain_definition
from mission_control.model.problems.messages import shown
from mission_control.model.problems.problems import problems_of
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.values.fields import (
    FrozenModel,
    HandlerPath,
    Line,
    PositiveSeconds,
    QueueName,
    Span,
    TaskId,
    Text,
)
from mission_control.model.values.identifiers import task_id_problem

MOST_DEPENDENCIES = 500
MOST_TAGS = 100
MOST_SECRETS = 100
MOST_PROBES = 100
PROBES = (3_600.0, 14_400.0, 86_400.0)
# Redis queues of four priorities are built from Celery's ten levels.
HIGHEST_PRIORITY = 9
OWN_FIELDS = frozenset({"id", "name", "params", "secret", "after"})
"""The fields that are checked together with the id or the params, which few tasks share."""
_NO_OTHERS: Final[Mapping[str, Any]] = {"schedule": None, "handler": "handlers.any.run"}
# Written only where they were given.
_UNUSUAL = frozenset(
    {
        *("after", "join", "condition", "limits", "budgets", "deadline"),
        *("pause_after_failures", "probe_after", "notify"),
    }
)


class TaskDefinition(FrozenModel):
    """A checked task. Every task that is stored, scheduled or run is one of these.

    `to_dict` writes the fields in this order. Make one with `parse_task`.
    """

    id: TaskId
    name: Line = Field(default_factory=lambda data: data.get("id", ""))
    description: Text = ""
    schedule: Schedule
    handler: HandlerPath
    enabled: bool = True
    metadata: Metadata = Metadata.model_construct()
    execution_history: ExecutionHistory = ExecutionHistory.model_construct()
    retry_policy: RetryPolicy = RetryPolicy.model_construct()
    params: Annotated[dict[str, Any], AfterValidator(json_copy)] = Field(default_factory=dict)
    secret: tuple[Line, ...] = Field(default=(), strict=False, max_length=MOST_SECRETS)
    timeout_seconds: PositiveSeconds | None = None
    expires_seconds: PositiveSeconds | None = None
    fresh_process: bool = False
    misfire: Misfire = Misfire.model_construct()
    overlap: Literal["skip", "queue", "queue_latest", "allow", "replace"] = "skip"
    queue_limit: int = Field(default=1, ge=1, le=10_000)
    after: tuple[Dependency, ...] = Field(default=(), strict=False, max_length=MOST_DEPENDENCIES)
    join: Literal["all", "any"] = "all"
    condition: Condition | None = None
    limits: tuple[LimitUse, ...] = Field(default=(), strict=False, max_length=MOST_USES)
    budgets: tuple[BudgetUse, ...] = Field(default=(), strict=False, max_length=MOST_USES)
    deadline: Deadline | None = None
    pause_after_failures: int | None = Field(default=None, ge=1, le=1_000_000)
    probe_after: tuple[Span, ...] = Field(default=PROBES, strict=False, min_length=1, max_length=MOST_PROBES)
    notify: Notify = Notify.model_construct()
    queue: QueueName = "default"
    priority: int = Field(default=0, ge=0, le=HIGHEST_PRIORITY)
    owner: Line = "api"
    tags: tuple[Line, ...] = Field(default=(), strict=False, max_length=MOST_TAGS)

    @model_validator(mode="before")
    @classmethod
    def _may_leave_out_its_schedule(cls, data: Any) -> Any:  # noqa: ANN401  # any input
        is_downstream = isinstance(data, Mapping) and "schedule" not in data and data.get("after")
        return {**data, "schedule": None} if is_downstream else data

    @field_validator("schedule", mode="wrap")
    @classmethod
    def _may_be_null(cls, schedule: object, check: ValidatorFunctionWrapHandler) -> object:
        return NO_SCHEDULE if schedule in (None, NO_SCHEDULE) else check(schedule)

    @field_serializer("schedule", mode="wrap")
    def _or_null(self, schedule: object, dump: SerializerFunctionWrapHandler) -> object:
        return None if schedule is NO_SCHEDULE else dump(schedule)

    @field_validator("secret")
    @classmethod
    def _names_params(cls, secret: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        # Beat reads definitions without their params; the params of a run may come with the run.
        names = set(_names_in(info.data.get("params")))
        problems = [
            Problem(f"[{at}]", f"{quoted(name)} is no name in the params{did_you_mean(name, names)}")
            for at, name in enumerate(secret)
            if names and name not in names
        ]
        if problems:
            raise InvalidTaskError(problems)
        return secret

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

        Everything is written out, with two exceptions. Of the schedule, only the given fields are written,
        and its time zone, which must not change with the default of another reader. A field that few tasks
        have is written only if it was given.
        """
        return self.model_dump(mode="json", by_alias=True, exclude={*(_UNUSUAL - self.model_fields_set)})

    @property
    def breaker(self) -> dict[str, Any] | None:
        """The circuit breaker as a run of the task carries it; None if the task has none."""
        if self.pause_after_failures is None:
            return None
        return {"after": self.pause_after_failures, "probe_after": list(self.probe_after)}

    @property
    def notify_given(self) -> dict[str, Any] | None:
        """What the definition says about notifications, as a run of the task carries it; None for nothing."""
        return self.notify.model_dump(mode="json") if "notify" in self.model_fields_set else None


def parse_task(
    data: Mapping[str, Any],
    *,
    default_timezone: str = "UTC",
    now: datetime | None = None,
    read_text: Callable[[Path], str] | None = None,
    handler_problem: Callable[[str], str | None] | None = None,
) -> TaskDefinition:
    """Check a definition and return it.

    A schedule without a `timezone` gets `default_timezone`. A schedule may be words, such as "every 5m";
    those that count from today, such as "once tomorrow 09:00", need `now`. `read_text` reads the
    calendars that exclusions name; without it such an exclusion is a problem. `handler_problem` says why a
    path names no handler; without it only the syntax of paths is checked.

    Raises:
        InvalidTaskError: lists every problem with its path, the value and the remedy.
    """
    if not isinstance(data, Mapping):
        raise InvalidTaskError([Problem("", f"{shown(data)} is not an object with the fields of a task")])
    try:
        plain = plain_definition(data)
    except InvalidTaskError as error:
        raise InvalidTaskError(error.problems, subject=_subject(data)) from error
    context = {"read_text": read_text, "handler_problem": handler_problem}
    return _validated(plain, {"default_timezone": default_timezone, "now": now, **context})


def own_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Check the own fields of a definition, and return them as JSON has them, in any order.

    Raises:
        InvalidTaskError: lists the problems of these fields.
    """
    own = plain_definition({name: data[name] for name in OWN_FIELDS & data.keys()})
    checked = _validated({**own, **_NO_OTHERS}, {})
    fields = {"id": checked.id, "name": checked.name, "params": checked.params, "secret": [*checked.secret]}
    return fields if "after" not in own else {**fields, **checked.model_dump(mode="json", include={"after"})}


def with_own_fields(task: TaskDefinition, form: Mapping[str, Any]) -> TaskDefinition:
    """Return `task` with the own fields of a stored form, which were checked."""
    after = tuple(Dependency.model_validate(one) for one in form.get("after", ()))
    own = {name: form[name] for name in ("id", "name", "params")}
    like = task.model_copy(update={**own, "secret": tuple(form["secret"]), "after": after})
    object.__setattr__(like, "__pydantic_fields_set__", task.model_fields_set)  # one for all: it is large
    return like


class _OwnNames(FrozenModel):
    id: TaskId
    name: Line


@lru_cache(maxsize=1_000)
def _metadata(text: bytes) -> Metadata:  # many tasks were applied at one time
    return Metadata.model_validate_json(text)


def read_similar_task(like: TaskDefinition, stored: Mapping[str, Any]) -> TaskDefinition | None:
    """Return a stored definition that differs from `like` in its own fields and metadata only.

    None if that must be checked together with the rest: it has secrets or comes after others, or has a fault.
    """
    if stored["secret"] or stored.get("after") or not isinstance(stored["params"], dict):
        return None
    try:
        if stored["name"] != stored["id"] or task_id_problem(stored["id"]) is not None:  # few have a name
            _OwnNames.model_validate({"id": stored["id"], "name": stored["name"]})
        metadata = _metadata(orjson.dumps(stored["metadata"]))
    except ValidationError:
        return None
    own = {name: stored[name] for name in ("id", "name", "params")}
    return like.model_copy(update={**own, "secret": (), "after": (), "metadata": metadata})


def read_stored_task(
    stored: Mapping[str, Any], *, read_text: Callable[[Path], str] | None = None
) -> TaskDefinition:
    """Check what `TaskDefinition.to_dict` returned, and return the definition.

    The bounds on nesting and size are not checked: a stored definition has passed them, and the check would
    take longer than all others together, at every firing.

    Raises:
        InvalidTaskError: another program has changed it; lists every problem.
    """
    return _validated(stored, {"read_text": read_text})


def _validated(data: Mapping[str, Any], context: dict[str, Any]) -> TaskDefinition:
    try:
        return TaskDefinition.model_validate(dict(data), context=context)
    except ValidationError as error:
        raise InvalidTaskError(problems_of(error, TaskDefinition, data), subject=_subject(data)) from error


def _subject(data: Mapping[str, Any]) -> str:
    given = data.get("id")
    return f"task {shown(given)}" if isinstance(given, str) else "task definition"


def _names_in(value: object) -> Iterator[str]:
    """Return the names of all values in params, at every level."""
    if isinstance(value, dict):
        yield from value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _names_in(one)


def _dependency_fault(task: str, own_id: str | None, earlier: list[str]) -> str | None:
    if task == own_id:
        return "this task itself; a task cannot run after itself"
    return "listed twice" if task in earlier else None
