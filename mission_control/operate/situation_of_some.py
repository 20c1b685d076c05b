"""How some of the tasks are doing, for callers who may see neither the others nor the whole installation."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from mission_control.model.policies.pause import PauseKind
from mission_control.operate.situation import Situation

_ISSUES: Final = frozenset({"overdue", "missing_upstream", "quarantined_task"})
_PAUSES: Final = frozenset({PauseKind.TASK, PauseKind.BREAKER})


def situation_of_some(found: Situation, only: Collection[str]) -> Situation:
    """Return a situation that was asked for with `only` these tasks, without all that is about others.

    It says nothing about how runs ended, processes, queues, limits, budgets and approvals.
    """
    pauses = [one for one in found.pauses if one.kind in _PAUSES and one.value in only]
    return replace(
        found,
        beats=[],
        workers=[],
        wrong_keys={},
        redbeat_entries=[],
        active_count=len(found.active),
        queues=[],
        outcomes={},
        issues=[one for one in found.issues if one.kind in _ISSUES],
        pauses=[one for one in found.pauses if one.kind is PauseKind.ALL] + pauses,
        changed=[(one, is_void) for one, is_void in found.changed if one.task_id in only],
        backfills=[one for one in found.backfills if one.task_id in only],
        limited=[],
        budgets=[],
        approvals=0,
    )
