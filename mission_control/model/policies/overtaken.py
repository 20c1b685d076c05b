"""What becomes of occurrences that were due, and not fired, when their task was changed or removed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.due_decision import BY_HAND, with_changes
from mission_control.model.policies.misfire import Action, Decision, Miss, Skip, decide
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.values.instants import format_instant

_ENABLED: Final = {"enabled": True}


def decide_overtaken(
    task: TaskDefinition,
    due: float,
    changed: Sequence[ChangedOccurrence],
    until: datetime,
    *,
    spread: timedelta,
    most: int,
    is_removed: bool,
) -> Decision:
    """Decide about a task as it was up to `until`; none of its occurrences fires any longer.

    Of a task that was due at `due` (Unix seconds, infinite for never) each occurrence from then on is missed,
    or skipped if that was decided by hand. One that was moved is missed if its new time has come, also
    while the task was disabled, or if the task was removed between its own time and its new one. Others
    that were moved to a later time are left to it.
    """
    what = "removed" if is_removed else "changed"
    changed = [one for one in changed if task.enabled or (one.to is not None and one.at + spread <= until)]
    found = Decision((), None)
    if due <= until.timestamp():
        found = decide(task, due, until, spread=spread, most=most)
    enabled = task if task.enabled else task.model_copy(update=_ENABLED)
    found = with_changes(enabled, found, changed, until, spread)
    state = "no beat had fired this occurrence" if task.enabled else "it had been disabled before"
    reason = f"the task was {what} at {format_instant(until)}, and {state}"
    waiting = [one for one in changed if is_removed and one.at + spread <= until < one.due + spread]
    actions = (*(_unfired(one, reason) for one in found.actions), *map(_cut_off, waiting))
    return Decision(actions, found.next_due)


def _cut_off(change: ChangedOccurrence) -> Miss | Skip:
    reason = f"{change.words()}; the task was removed before its new time"
    return Skip(change.at, reason, BY_HAND) if change.is_skipped else Miss(change.at, reason)


def _unfired(action: Action, reason: str) -> Action:
    if isinstance(action, Skip) or (isinstance(action, Miss) and action.stands_for_others):
        return action
    return Miss(action.scheduled_time, reason)
