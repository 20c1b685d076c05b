"""The kinds of value that the fields of a definition share."""

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
)

from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.durations import LONGEST_SECONDS, parse_duration
from mission_control.model.values.handler_paths import handler_path_problem
from mission_control.model.values.identifiers import queue_name_problem, task_id_problem
from mission_control.model.values.instants import format_instant, parse_instant, parse_moment
from mission_control.model.values.zones import zone

LONGEST_LINE = 200
LONGEST_TEXT = 10_000

Item = TypeVar("Item")

Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
"""Text for people, of any number of lines."""

Listed = Annotated[tuple[Item, ...], Field(strict=False, min_length=1)]
"""A list of at least one item, stored as a tuple."""


class FrozenModel(BaseModel):
    """A value that is checked once, when it is made, and never changes afterwards.

    Unknown keys are errors. Types are strict, as in JSON: `"3"` and `true` are not integers. Infinity and
    NaN are refused. Sequences are stored as tuples; a field that takes a JSON list says
    `Field(strict=False)` for the list itself, and its items stay strict.

    Make a changed copy by validating changed data, not by `model_copy(update=…)`, which checks nothing
    and keeps what was computed from the old values. A model's checks are built when it is first used, because
    an idle beat needs few of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


def plain_number(value: float) -> int | float:
    """Return a whole number as an integer, so that 30 is not written as 30.0.

    >>> plain_number(30.0), plain_number(0.5)
    (30, 0.5)
    """
    return int(value) if float(value).is_integer() else value


def _one_line(value: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in value):
        raise ValueError(f"{quoted(value)} has a line break or control character; write a single line")
    return value


def checked_by(check: Callable[[str], object]) -> AfterValidator:
    """Return a validator that accepts a text as it is, unless `check` raises a ValueError."""

    def accept(value: str) -> str:
        check(value)
        return value

    return AfterValidator(accept)


def _without(problem_of: Callable[[str], str | None]) -> AfterValidator:
    """Return a validator that accepts a text as it is, unless it has a problem."""

    def check(value: str) -> None:
        problem = problem_of(value)
        if problem is not None:
            raise ValueError(problem)

    return checked_by(check)


def _known_handler(value: str, info: ValidationInfo) -> str:
    problem_of = (info.context or {}).get("handler_problem")
    problem = problem_of(value) if problem_of is not None else None
    if problem is not None:
        raise ValueError(problem)
    return value


def _instant(value: object) -> object:
    if isinstance(value, str):
        return parse_instant(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no time zone; an instant needs one")
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _span(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Seconds = Annotated[
    float,
    BeforeValidator(_span),
    Field(ge=0, le=LONGEST_SECONDS),
    PlainSerializer(plain_number, return_type=int | float),
]

"""A duration from zero to ten years: seconds, or text such as "90s" or "1h30m"; stored in seconds."""

PositiveSeconds = Annotated[
    float,
    BeforeValidator(_span),
    Field(gt=0, le=LONGEST_SECONDS),
    PlainSerializer(plain_number, return_type=int | float),
]

"""A duration above zero, up to ten years, as `Seconds` are given."""

Span = PositiveSeconds

Line = Annotated[str, Field(max_length=LONGEST_LINE), AfterValidator(_one_line)]

"""One line of text for people."""


TaskId = Annotated[str, _without(task_id_problem)]
QueueName = Annotated[str, _without(queue_name_problem)]
HandlerPath = Annotated[str, _without(handler_path_problem), AfterValidator(_known_handler)]

"""A handler's path; the validation context's `handler_problem` may say why it names no handler."""

ZoneName = Annotated[str, checked_by(zone)]
Moment = Annotated[str, checked_by(parse_moment)]

"""An instant, or a local time: the text is kept as it was written."""

Instant = Annotated[
    datetime, BeforeValidator(_instant), PlainSerializer(format_instant, return_type=str, when_used="json")
]

"""A moment in UTC; written as ISO 8601 with an offset."""

PlainNumber = Annotated[float, PlainSerializer(plain_number, return_type=int | float)]

"""A number, written without a fraction if it has none."""
