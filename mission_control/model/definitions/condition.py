"""The condition of a task: what must hold for its runs to start."""

import posixpath
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from mission_control.model.definitions.schedules.clock.calendar_words import in_words, parse_time
from mission_control.model.definitions.schedules.exclusions.exclusion import Exclusion
from mission_control.model.problems.messages import shown
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.values.fields import FrozenModel, HandlerPath, Line, Span, checked_by
from mission_control.model.values.handler_paths import handler_path_problem

IDLE_TIMES: Final = 10
IDLE_AFTER: Final = 7 * 86_400.0
_BARE: Final = ("workday", "previous_failed", "upstream_changed")
_KINDS: Final = ("handler", *_BARE, "file_changed", "window")
_FORMS: Final = (
    'write handlers.<module>.<function>, "workday", "previous_failed", "upstream_changed", '
    '{"workday": {"holidays": "DE-BY"}}, {"file_changed": "/srv/orders.csv"} or {"window": "22:00-06:00"}'
)


def _check_file(value: str) -> None:
    normal = posixpath.normpath(f"/{value.lstrip('/')}")
    if value != normal or value == "/":
        hint = f'; did you mean "{normal}"?' if value.startswith("/") and normal != "/" else ""
        raise ValueError(f'{quoted(value)} is not the whole path of a file: from "/" on, without ".."{hint}')


def _check_window(value: str) -> None:
    start, _, end = value.partition("-")
    if parse_time(start) == parse_time(end):
        raise ValueError(f"{quoted(value)} is no time or all; write two different times: 22:00-06:00")


class Condition(FrozenModel):
    """What must hold for a run to start: a function of the handlers, or one of the built-in conditions.

    It has exactly one kind. `workday` is Monday to Friday without the given exclusions, `window` the hours
    between two times of every day; both are local time of the schedule's zone. `file_changed` and
    `upstream_changed` compare with the last run that succeeded. A condition that has said no `idle_times` in
    a row, or while no run has begun for `idle_after`, is the event `idle`.
    """

    handler: HandlerPath | None = None
    workday: tuple[Exclusion, ...] | None = Field(default=None, strict=False, max_length=200)
    previous_failed: Literal[True] | None = None
    upstream_changed: Literal[True] | None = None
    file_changed: Annotated[Line, checked_by(_check_file)] | None = None
    window: Annotated[str, checked_by(_check_window)] | None = None
    idle_times: int = Field(default=IDLE_TIMES, ge=1, le=1_000_000)
    idle_after: Span = IDLE_AFTER

    @property
    def kind(self) -> str:
        """Which of the kinds it is."""
        return next(one for one in _KINDS if getattr(self, one) is not None)

    @property
    def name(self) -> str:
        """The condition in one word, as records have it: its kind, or the function."""
        return self.kind if self.handler is None else self.handler

    @property
    def is_foreseeable(self) -> bool:
        """Whether the time alone decides."""
        return self.workday is not None or self.window is not None

    @property
    def for_worker(self) -> dict[str, Any] | None:
        """What a run carries for the worker that asks a function; None for a built-in condition."""
        if self.handler is None:
            return None
        return {"handler": self.handler, "idle_times": self.idle_times, "idle_after": self.idle_after}

    def describe(self) -> str:
        """Return it in plain words.

        >>> Condition.model_validate({"window": "22:00-06:00"}).describe()
        'between 22:00 and 06:00'
        """
        if self.workday is not None:
            excluded = in_words([one.describe() for one in self.workday], "and")
            return f"on workdays, except {excluded}" if excluded else "on workdays"
        if self.window is not None:
            return f"between {' and '.join(self.window.split('-'))}"
        words = {
            "handler": f"if {self.handler} says so",
            "previous_failed": "if the last run failed",
            "upstream_changed": "if the outputs of the tasks before it have changed",
            "file_changed": f"if {self.file_changed} has changed",
        }
        return words[self.kind]

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  # any input
        if isinstance(data, str):
            return {data: () if data == "workday" else True} if data in _BARE else _of_function(data, info)
        if not isinstance(data, Mapping | cls):
            raise ValueError(f"{shown(data)} is no condition; {_FORMS}")  # noqa: TRY004  # pydantic's way
        return data

    @field_validator("workday", mode="before")
    @classmethod
    def _may_be_one(cls, value: object) -> object:
        return (value,) if isinstance(value, str | Mapping) else value

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        kinds = [one for one in _KINDS if getattr(self, one) is not None]
        if len(kinds) != 1:
            raise ValueError(f"a condition has exactly one kind, but this has {len(kinds)}; {_FORMS}")
        return self

    @model_serializer(mode="wrap")
    def _shortest(self, dump: SerializerFunctionWrapHandler) -> str | dict[str, Any]:
        data: dict[str, Any] = dump(self)
        usual = {"idle_times": IDLE_TIMES, "idle_after": IDLE_AFTER}
        given = {name: one for name, one in data.items() if one is not None and one != usual.get(name)}
        if given.keys() == {self.kind} and self.kind in {"handler", *_BARE} and not self.workday:
            return self.name
        if self.workday is not None and len(self.workday) == 1:
            given["workday"] = given["workday"][0]
        return given


def _of_function(text: str, info: ValidationInfo) -> dict[str, str]:
    """Return the condition that names a function.

    Raises:
        ValueError: it names none.
    """
    if "." not in text and "/" not in text:
        raise ValueError(f"{quoted(text)} is no condition{did_you_mean(text, _BARE)}; {_FORMS}")
    problem = handler_path_problem(text)
    problem_of = (info.context or {}).get("handler_problem")
    if problem is None and problem_of is not None:
        problem = problem_of(text)
    if problem is not None:
        raise ValueError(problem)
    return {"handler": text}
