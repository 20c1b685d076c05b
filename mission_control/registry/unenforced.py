"""Fields of a definition that are checked and stored, and that nothing acts on yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mission_control.model.definitions.task import TaskDefinition

UNENFORCED: Final = ("overlap", "after", "condition", "pause_after_failures", "notify")


def unenforced_fields(task: TaskDefinition) -> list[str]:
    """Return the fields that a task sets to something else than their default, without effect so far."""
    given = task.model_fields_set
    fields = type(task).model_fields
    return [
        name
        for name in UNENFORCED
        if name in given and getattr(task, name) != fields[name].get_default(call_default_factory=True)
    ]
