"""What beat decides about one occurrence, from evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.due_decision import with_policies
from mission_control.model.policies.misfire import Action, Decision, Miss, Skip, decide
from mission_control.model.runs.cause import Cause
from mission_control.operate.why.evidence import Evidence

_ENABLED: Final = {"enabled": True}


def foreseen(evidence: Evidence, at: datetime) -> Action | None:
    """Return what beat decides at `at` about the occurrence; None if it decides nothing about it.

    What only the fire script sees, such as another active run, is not looked at.
    """
    task, scheduled = evidence.task, evidence.scheduled
    if task is None or scheduled is None:
        return None
    decision = _decided(evidence, task, scheduled, at)
    return next((one for one in decision.actions if one.scheduled_time == scheduled), None)


def withholding(evidence: Evidence, at: datetime) -> list[Skip | Miss]:
    """Return what each fact that keeps the occurrence from running makes of it, were it the only one.

    The one that decides comes first.
    """
    decided = foreseen(evidence, at)
    found = [decided, *(foreseen(one, at) for one in _one_by_one(evidence))]
    return [one for one in dict.fromkeys(found) if isinstance(one, Skip | Miss)]


def unhindered(evidence: Evidence) -> Evidence:
    """Return the evidence without any fact that could keep the occurrence from running."""
    task = None if evidence.task is None else evidence.task.model_copy(update={"condition": None, **_ENABLED})
    moved = tuple(replace(one, is_skipped=False) for one in evidence.changed if one.to is not None)
    return replace(evidence, task=task, layers=(), quarantined=None, changed=moved)


def _one_by_one(evidence: Evidence) -> Iterator[Evidence]:
    free = unhindered(evidence)
    yield replace(free, changed=evidence.changed)
    yield replace(free, quarantined=evidence.quarantined)
    for layer in evidence.layers:
        yield replace(free, layers=(layer,))
    yield replace(free, task=None if evidence.task is None else evidence.task.model_copy(update=_ENABLED))


def _decided(evidence: Evidence, task: TaskDefinition, scheduled: datetime, at: datetime) -> Decision:
    spread, change, decision = evidence.spread, evidence.change, Decision((), None)
    if change is None or change.to is None:
        due = scheduled + spread
        decision = decide(task, due.timestamp(), max(at, due), spread=spread)
    quarantined, condition = evidence.quarantined, task.condition
    # What a condition saw as a run was decided about is not known now.
    is_forgotten = evidence.run is not None and condition is not None and not condition.is_foreseeable
    return with_policies(
        task,
        decision,
        at,
        spread,
        changed=[] if change is None else [change],
        withheld_for=None if quarantined is None else (f"quarantined: {quarantined}", Cause("quarantined")),
        layers=evidence.layers,
        facts=lambda: None if is_forgotten else evidence.facts,
    )
