"""A task as Redis has it, and what is stored of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

from mission_control.errors import InvalidTaskError, Problem
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.problems.suggestions import quoted

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
        return dict(json.loads(self.text))

    @property
    def upstream(self) -> list[str]:
        """The tasks that it comes after."""
        return [one["task"] for one in self.definition.get("after", ())]

    def differs_from(self, task: TaskDefinition) -> bool:
        """Whether a task differs in more than metadata, or this one is quarantined."""
        differs = {**self.definition, "metadata": None} != {**stored_form(task), "metadata": None}
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
