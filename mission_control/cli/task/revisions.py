"""`mission-control task revisions`."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current, existing_task
from mission_control.cli.terminal.output import as_text, echo, echo_json, table
from mission_control.store.redis_keys import MAX_REVISIONS

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@parameters.task_id
@parameters.as_json
def revisions(task_id: str, as_json: bool) -> None:
    """Show what was changed in a task.

    The newest change comes first; with --json the definitions are given in full.
    """
    with current() as installation:
        existing_task(installation, task_id)
        found = installation.registry.revisions(task_id)
        if as_json:
            echo_json(found)
            return
        actors = _actors(installation.settings.task_changes_log, task_id)
        rows = [_row(newer, older, actors) for newer, older in pairwise([*found, None])]
        echo(table("revision", "modified", "by", "what changed", rows=rows, right=("revision",)))


def _actors(changes: Path, task_id: str) -> dict[int, str]:
    """Return who made each revision, and why, as far as the record of changes here tells."""
    from mission_control.audit.stream.reader import tail

    return {one["revision"]: _actor(one) for one in tail(changes, MAX_REVISIONS, task_id=task_id)}


def _actor(change: dict[str, Any]) -> str:
    return as_text(change["actor"]) + (f" ({as_text(change['reason'])})" if change.get("reason") else "")


def _row(
    newer: dict[str, Any] | None, older: dict[str, Any] | None, actors: dict[int, str]
) -> tuple[str, str, str, str]:
    metadata = (newer or {}).get("metadata", {})
    revision = metadata.get("revision", 0)
    return (
        str(revision),
        str(metadata.get("last_modified", "")),
        actors.get(revision, ""),
        _changes(newer, older),
    )


def _changes(newer: dict[str, Any] | None, older: dict[str, Any] | None) -> str:
    from mission_control.audit.record.difference import difference

    if older is None:
        return "the first" if (newer or {}).get("metadata", {}).get("revision") == 1 else "the oldest kept"
    changed = {
        path: one for path, one in difference(older, newer).items() if not path.startswith("metadata.")
    }
    return "; ".join(
        f"{path}: {as_text(one['from'])} → {as_text(one['to'])}" for path, one in changed.items()
    )
