"""The steps of a holder's request: each task with what is wanted of it, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.grants import Allow, Ask, Refuse, as_given

KEPT: Final = ("metadata", "execution_history")
"""Fields that are not the holder's to give."""

Outcome = Literal["created", "updated", "renewed", "removed", "waits for an approval", "changed meanwhile"]


@dataclass(frozen=True)
class Step:
    """One task of a plan: what is wanted, the revision that it takes the place of, and what was decided."""

    task_id: str
    task: TaskDefinition | None
    base: int | None
    fields: Mapping[str, Any]
    decision: Allow | Refuse | Ask

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        is_new = self.base is None
        words = (
            "remove" if self.task is None else "create" if is_new else "update" if self.fields else "renew"
        )
        shown: dict[str, Any] = {"task_id": self.task_id, "change": words, "fields": dict(self.fields)}
        match self.decision:
            case Refuse(reasons):
                return {**shown, "decision": "refused", "reasons": list(reasons)}
            case Ask(reason):
                return {**shown, "decision": "needs an approval", "reasons": [reason]}
        return {**shown, "decision": "allowed", "reasons": []}


@dataclass(frozen=True)
class Plan:
    """What a request would change. The same request has the same digest until one of its tasks changes."""

    steps: list[Step]
    digest: str

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"digest": self.digest, "tasks": [one.to_json() for one in self.steps]}


def compared(task: TaskDefinition, ends: datetime | None) -> dict[str, Any]:
    """Return a task as its holder has given it, or could, to compare it with another."""
    return {name: one for name, one in as_given(task.to_dict(), ends).items() if name not in KEPT}
