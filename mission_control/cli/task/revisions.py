"""`mission-control task revisions`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import rich_click as click

from mission_control.cli import parameters
from mission_control.cli.installation_in_use import current, existing_task
from mission_control.cli.output import as_text, echo, echo_json, table


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
        rows = [_row(newer, older) for newer, older in pairwise([*found, None])]
        echo(table("revision", "modified", "what changed", rows=rows, right=("revision",)))


def _row(newer: dict[str, Any] | None, older: dict[str, Any] | None) -> tuple[str, str, str]:
    metadata = (newer or {}).get("metadata", {})
    return str(metadata.get("revision", "?")), str(metadata.get("last_modified", "")), _changes(newer, older)


def _changes(newer: dict[str, Any] | None, older: dict[str, Any] | None) -> str:
    from mission_control.audit import difference

    if older is None:
        return "the first" if (newer or {}).get("metadata", {}).get("revision") == 1 else "the oldest kept"
    changed = {
        path: one for path, one in difference(older, newer).items() if not path.startswith("metadata.")
    }
    return "; ".join(
        f"{path}: {as_text(one['from'])} → {as_text(one['to'])}" for path, one in changed.items()
    )
