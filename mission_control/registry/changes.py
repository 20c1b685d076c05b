"""Pure edits of a task's definition: what an update means, and what metadata it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mission_control.errors import InvalidTaskError, Problem
from mission_control.model.values.instants import format_instant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MERGED: Final = frozenset({"retry_policy", "misfire", "notify"})
"""Fields of which an update may give a part; every other field is replaced as a whole."""


def merge_updates(current: Mapping[str, Any], updates: Mapping[str, Any]) -> dict[str, Any]:
    """Return `current` with `updates` applied.

    `retry_policy`, `misfire` and `notify` are merged key by key; every other field is replaced, so that
    a schedule never keeps a key of its former type. The id and what the registry itself keeps
    (`metadata`, `execution_history`) cannot be updated.

    Raises:
        InvalidTaskError: `updates` names a field that cannot be updated.

    >>> merge_updates({"id": "a", "retry_policy": {"max_retries": 3, "jitter": True}},
    ...               {"retry_policy": {"max_retries": 0}})
    {'id': 'a', 'retry_policy': {'max_retries': 0, 'jitter': True}}
    """
    problems = _refused(current, updates)
    if problems:
        raise InvalidTaskError(problems, subject=f"update of task {current['id']!r}")
    merged = {**current, **updates}
    for name in MERGED & updates.keys():
        before, after = current.get(name), updates[name]
        if isinstance(before, dict) and isinstance(after, dict):
            merged[name] = {**before, **after}
    return merged


def _refused(current: Mapping[str, Any], updates: Mapping[str, Any]) -> list[Problem]:
    problems = []
    if updates.get("id", current["id"]) != current["id"]:
        problems.append(Problem("id", "cannot be changed; register a new task and remove this one"))
    if "metadata" in updates:
        problems.append(Problem("metadata", "is kept by the registry and cannot be updated"))
    if "execution_history" in updates:
        problems.append(Problem("execution_history", "is kept by the ledger and cannot be updated"))
    return problems


def new_metadata(created_by: str | None, *, actor: str, now: datetime) -> dict[str, Any]:
    """Return the metadata of a task that is registered at `now`; who created it may be given."""
    return {
        "created": _second(now),
        "created_by": actor if created_by is None else created_by,
        "last_modified": _second(now),
        "revision": 1,
    }


def next_metadata(current: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return the metadata of a task that is changed at `now`."""
    return {**current, "last_modified": _second(now), "revision": current["revision"] + 1}


def _second(moment: datetime) -> str:
    return format_instant(moment.replace(microsecond=0))


def changes_timing(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether an edit moves the next occurrence: only then is it computed anew."""
    return any(before[name] != after[name] for name in ("schedule", "enabled"))
