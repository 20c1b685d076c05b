"""A task as Redis has it, and what is stored of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import orjson

from mission_control.errors import InvalidTaskError, Problem
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.problems.suggestions import quoted
from mission_control.signing.keyring import NO_KEYS, Keyring

SIGN_IT: Final = "look at it, and then sign it: mission-control task sign TASK_ID"


@dataclass(frozen=True)
class StoredTask:
    """A task as stored in Redis: its JSON, its next due instant in Unix seconds, its quarantine's reason.

    Where tasks are signed, `unsigned` says what is wrong with its signature, and `is_fresh` whether that is
    by the first key.
    """

    task_id: str
    text: str
    due: float | None
    problem: str | None = None
    unsigned: str | None = None
    is_fresh: bool = True

    @cached_property
    def definition(self) -> dict[str, Any]:
        """The definition in the story's shape, without its history."""
        try:
            return dict(orjson.loads(self.text))
        except orjson.JSONDecodeError:  # another program's JSON, with NaN for example
            return dict(json.loads(self.text))

    @property
    def upstream(self) -> list[str]:
        """The tasks that it comes after."""
        after = self.definition.get("after") if '"after"' in self.text else None
        found = after if isinstance(after, list) else []  # another program may have damaged it
        return [str(one["task"]) for one in found if isinstance(one, dict) and "task" in one]

    def differs_from(self, form: Mapping[str, Any]) -> bool:
        """Whether the stored form of a task differs in more than metadata, or this one is quarantined."""
        differs = {**self.definition, "metadata": None} != {**form, "metadata": None}
        return differs or self.problem is not None or not self.is_fresh

    @property
    def signed(self) -> Self:
        """The same task, if it is signed where tasks are: it may be run, edited and signed again.

        Raises:
            InvalidTaskError: it is not.
        """
        if self.unsigned is not None:
            raise InvalidTaskError([Problem("", self.unsigned)], subject=f"task {quoted(self.task_id)}")
        return self


def stored_form(task: TaskDefinition) -> dict[str, Any]:
    """Return the stored part of a task: everything except its history, which the ledger keeps."""
    return {name: value for name, value in task.to_dict().items() if name != "execution_history"}


def task_in(  # answers or errors; `fields` are a task's text and signature, or its text alone
    task_id: str,
    fields: Any,  # noqa: ANN401
    due: Any,  # noqa: ANN401
    note: Any = None,  # noqa: ANN401
    *,
    keyring: Keyring = NO_KEYS,
) -> StoredTask | None:
    """Return a task, or None if it is missing or another program has damaged it.

    One damaged task must not make listing all tasks fail; beat quarantines it and reports why.
    """
    for answer in (fields, due, note):
        if isinstance(answer, Exception) and "WRONGTYPE" not in str(answer):
            raise answer
    text, signature = fields if isinstance(fields, list) else (fields, None)
    if not isinstance(text, str):
        return None
    fault = keyring.problem(signature, "task", text)
    unsigned = None if fault is None else f"{fault}; {SIGN_IT}"
    found = StoredTask(
        task_id,
        text,
        due if isinstance(due, float) else None,
        problem_in(note) if isinstance(note, str) else unsigned,
        unsigned,
        not keyring or keyring.is_first(signature),
    )
    return found if _is_readable(found) else None


def problem_in(note: str) -> str:
    """Return the problem in a note of beat about a quarantined entry."""
    try:
        return str(json.loads(note)["problem"])
    except (ValueError, KeyError, TypeError):
        return note


def _is_readable(stored: StoredTask) -> bool:
    try:
        definition = stored.definition
        return (
            isinstance(definition["enabled"], bool)
            and isinstance(definition["schedule"], dict | None)
            and isinstance(definition["metadata"]["revision"], int)
            and definition["id"] == stored.task_id
        )
    except (ValueError, TypeError, LookupError):
        return False
