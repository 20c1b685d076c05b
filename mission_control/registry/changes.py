"""Pure edits of a stored definition: merging an update, and the metadata afterwards."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from pydantic import ValidationError

from mission_control.audit.record.difference import difference
from mission_control.errors import InvalidTaskError, Problem
from mission_control.model.definitions.task_parts import Metadata
from mission_control.model.problems.messages import shown

MERGED: Final = frozenset({"retry_policy", "misfire", "notify"})
"""Fields of which an update may give a part; every other field is replaced as a whole."""


def merge_updates(current: Mapping[str, Any], updates: Mapping[str, Any]) -> dict[str, Any]:
    """Return `current` with `updates` applied.

    `retry_policy`, `misfire` and `notify` are merged key by key. Every other field is replaced, so that a
    schedule never keeps a key of its former type. `id`, `metadata` and `execution_history` cannot be
    updated.

    Raises:
        InvalidTaskError: `updates` names a field that cannot be updated, or is no object.

    >>> merge_updates({"id": "a", "retry_policy": {"max_retries": 3, "jitter": True}},
    ...               {"retry_policy": {"max_retries": 0}})
    {'id': 'a', 'retry_policy': {'max_retries': 0, 'jitter': True}}
    """
    if not isinstance(updates, Mapping):
        problem = Problem("", f"{shown(updates)} is not an object with the fields to change")
        raise InvalidTaskError([problem], subject=f"update of task {current['id']!r}")
    problems = _refused(current, updates)
    if problems:
        raise InvalidTaskError(problems, subject=f"update of task {current['id']!r}")
    merged = {**current, **updates}
    for name in MERGED & updates.keys():
        before, after = current.get(name), updates[name]
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            merged[name] = {**before, **after}
    return merged


def _refused(current: Mapping[str, Any], updates: Mapping[str, Any]) -> list[Problem]:
    problems = []
    if updates.get("id", current["id"]) != current["id"]:
        problems.append(Problem("id", "cannot be changed; register a new task and remove this one"))
    for name, keeper in (("metadata", "registry"), ("execution_history", "ledger")):
        if name in updates:
            problems.append(Problem(name, f"is kept by the {keeper} and cannot be updated; leave it out"))
    return problems


def new_metadata(given: Mapping[str, Any], actor: str, now: datetime) -> dict[str, Any]:
    """Return the metadata of a task that is registered at `now`; `given` may say by whom and when before."""
    known = Metadata.model_validate(given)
    return _new_metadata(known.created, actor if known.created_by is None else known.created_by, now)


@lru_cache(maxsize=1)
def _new_metadata(created: datetime | None, created_by: str, now: datetime) -> dict[str, Any]:
    second = now.replace(microsecond=0)
    created = second if created is None else min(created, second)
    return Metadata(created=created, created_by=created_by, last_modified=second).model_dump(mode="json")


def next_metadata(stored: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the metadata of a task that is changed at `now`; damaged metadata keeps its revision only."""
    current = stored["metadata"]
    changed = {"last_modified": now.replace(microsecond=0), "revision": current["revision"] + 1}
    try:
        metadata = Metadata.model_validate(current | changed)
    except ValidationError:
        metadata = Metadata(**changed)
    return metadata.model_dump(mode="json")


def changes_timing(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether an edit moves the next occurrence, which is then computed from now."""
    return any(before[name] != after[name] for name in ("schedule", "enabled"))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return in words how two stored forms differ, other than in metadata, which the registry keeps; or "".

    >>> differences({"handler": "handlers.a.run"}, {"handler": "handlers.b.run", "metadata": {"revision": 2}})
    "handler: 'handlers.a.run' registered, 'handlers.b.run' given"
    """
    found = difference({**before, "metadata": None}, {**after, "metadata": None})
    return "; ".join(
        f"{path}: {one['from']!r} registered, {one['to']!r} given" for path, one in found.items()
    )
