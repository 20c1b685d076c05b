"""The kinds of value that the fields of a definition share."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from mission_control.definitions.handler_paths import handler_path_problem
from mission_control.definitions.identifiers import TASK_ID_PATTERN, task_id_problem
from mission_control.definitions.instants import format_instant, parse_instant
from mission_control.definitions.suggestions import quoted

# Ten years: longer than any task waits, and short enough for every date computed with it.
LONGEST_SECONDS = 315_360_000
LONGEST_LINE = 200
LONGEST_TEXT = 10_000


def _plain_number(seconds: float) -> float:
    """Write 300 rather than 300.0, as the definition had it."""
    return int(seconds) if float(seconds).is_integer() else seconds


def _one_line(value: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in value):
        raise ValueError(f"{quoted(value)} has a line break or control character; write one line of text")
    return value


def _task_id(value: str) -> str:
    problem = task_id_problem(value)
    if problem is not None:
        raise ValueError(problem)
    return value


def _queue_name(value: str) -> str:
    if TASK_ID_PATTERN.fullmatch(value) is None:
        raise ValueError(
            f'{quoted(value)} is not a queue\'s name; use up to 128 letters, digits, "_", "." and "-"'
        )
    return value


def _handler_path(value: str) -> str:
    problem = handler_path_problem(value)
    if problem is not None:
        raise ValueError(problem)
    return value


def _instant(value: object) -> object:
    if isinstance(value, str):
        return parse_instant(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no time zone; an instant needs one")
    return value.astimezone(UTC) if isinstance(value, datetime) else value


Seconds = Annotated[
    float, Field(ge=0, le=LONGEST_SECONDS), PlainSerializer(_plain_number, return_type=int | float)
]
"""A duration from zero to ten years."""

PositiveSeconds = Annotated[
    float, Field(gt=0, le=LONGEST_SECONDS), PlainSerializer(_plain_number, return_type=int | float)
]
"""A duration above zero, up to ten years."""

Line = Annotated[str, Field(max_length=LONGEST_LINE), AfterValidator(_one_line)]
"""One line of text for people."""

Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
"""Text for people, of any number of lines."""

TaskId = Annotated[str, AfterValidator(_task_id)]
QueueName = Annotated[str, AfterValidator(_queue_name)]
HandlerPath = Annotated[str, AfterValidator(_handler_path)]

Instant = Annotated[
    datetime, BeforeValidator(_instant), PlainSerializer(format_instant, return_type=str, when_used="json")
]
"""A moment in UTC; written as ISO 8601 with an offset."""
