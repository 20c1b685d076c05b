"""The tools as agents see them: what each is for, and its arguments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from mcp.types import Tool, ToolAnnotations
from pydantic import Field, ValidationError

from mission_control.errors import InvalidTaskError
from mission_control.model.problems.problems import problems_of
from mission_control.model.values.fields import FrozenModel

_TaskId = Annotated[str, Field(description="The id of one of your tasks.", max_length=200)]
_Count = Annotated[int, Field(ge=1, le=100)]
_Moment = Annotated[str, Field(description='An instant, such as "2026-03-01T09:00:00Z".', max_length=40)]
_Object = dict[str, Any]


class _Nothing(FrozenModel):
    """No arguments."""


class _One(FrozenModel):
    """One task."""

    task_id: _TaskId


class _Why(FrozenModel):
    """A task or a run."""

    name: Annotated[str, Field(description="The id of a task or of a run.", max_length=300)]


class _Next(FrozenModel):
    """A task, or a schedule that no task has yet."""

    task_id: _TaskId | None = None
    schedule: Annotated[_Object | None, Field(description="A schedule to look at instead.")] = None
    count: _Count = 5


class _History(FrozenModel):
    """A task, and how many of its runs."""

    task_id: _TaskId
    count: _Count = 20


class _Account(FrozenModel):
    """A stretch of time."""

    since: _Moment | None = None
    until: _Moment | None = None


class _Plan(FrozenModel):
    """The tasks to create, change or renew, in full, and the ids of those to remove."""

    tasks: Annotated[
        list[_Object],
        Field(description='Definitions: {"id", "schedule", "handler", "params", …}.', max_length=100),
    ] = Field(default_factory=list)
    remove: Annotated[list[_TaskId], Field(max_length=100)] = Field(default_factory=list)


class _Apply(_Plan):
    """The same, with the digest of the plan."""

    digest: Annotated[str, Field(description="What `plan` returned for the same arguments.", max_length=64)]


class _Pause(FrozenModel):
    """A task, and whether it is paused."""

    task_id: _TaskId
    paused: Annotated[bool, Field(description="False ends the pause that you have set.")] = True
    until: _Moment | None = None
    reason: Annotated[str | None, Field(max_length=500)] = None


class _Run(FrozenModel):
    """A task, and how to run it."""

    task_id: _TaskId
    params: Annotated[_Object | None, Field(description="They override those of the task.")] = None
    idempotency_key: Annotated[str | None, Field(description="The same key runs once.", max_length=100)] = (
        None
    )


@dataclass(frozen=True)
class _Spec:
    arguments: type[FrozenModel]
    words: str
    reads: bool = True
    destroys: bool = False


_SPECS: Final = {
    "list": _Spec(_Nothing, "List your tasks: state, next and last run, when each expires."),
    "show": _Spec(_One, "Show one of your tasks in full, as it may be given to plan again."),
    "why": _Spec(_Why, "Explain why a task or run ran, did not run, or waits, and when it will run."),
    "next": _Spec(_Next, "Show when a task is due next, or when a schedule would be, before you use it."),
    "history": _Spec(_History, "Show the runs of a task, latest first, with outputs and errors."),
    "account": _Spec(
        _Account,
        "Say what became of each occurrence of your tasks since their last change; by default of a day.",
    ),
    "plan": _Spec(
        _Plan,
        "Show what apply would do with tasks, what of it is refused or needs an approval, and the digest for"
        " apply. Nothing is changed.",
    ),
    "apply": _Spec(
        _Apply,
        "Create, change, renew and remove your tasks as planned. If anything is refused, nothing is done."
        " What needs an approval waits for a person.",
        reads=False,
        destroys=True,
    ),
    "pause": _Spec(_Pause, "Pause one of your tasks, or end your pause.", reads=False, destroys=True),
    "run": _Spec(_Run, "Run one of your tasks once, now.", reads=False),
}


def tool_of(name: str) -> Tool:
    """Return a tool as it is listed."""
    spec = _SPECS[name]
    hints = ToolAnnotations(
        read_only_hint=spec.reads,
        destructive_hint=spec.destroys,
        idempotent_hint=spec.reads,
        open_world_hint=False,
    )
    schema = spec.arguments.model_json_schema()
    return Tool(name=name, description=spec.words, input_schema=schema, annotations=hints)


def arguments_of(name: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the arguments of a tool, checked; those that were not given are left out.

    Raises:
        InvalidTaskError: lists every problem.
    """
    model = _SPECS[name].arguments
    try:
        return model.model_validate(dict(given or {})).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise InvalidTaskError(problems_of(error, model, given), subject=f"arguments of {name}") from error
