"""`mission-control task apply` and `task diff`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import as_text, echo, echo_file, echo_json, tell, tell_issues
from mission_control.cli.terminal.progress import progress_bar
from mission_control.cli.views.task_view import when_it_runs

if TYPE_CHECKING:
    from mission_control.registry.registry import Applied

_SHOWN: Final = 20
_SIGNS: Final = {"created": "+", "updated": "~", "unchanged": "="}


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@parameters.as_json
@parameters.dry_run
def apply(file: Path | None, as_json: bool, dry_run: bool) -> None:
    """Apply the tasks in FILE: JSON, YAML (.yaml, .yml) or TOML (.toml). All or nothing.

    FILE defaults to the installation's own: data/tasks/scheduled_tasks.json, or
    MISSION_CONTROL_TASKS_FILE. Tasks that are not in FILE stay as they are.
    """
    from mission_control.operate.apply import apply_checked, check_task_file, field_changes
    from mission_control.operate.task_issues import issues_of_tasks

    with current(sets_up=True, dry_run=dry_run) as installation:
        path = installation.settings.default_tasks_file if file is None else file
        checked = check_task_file(installation.registry, path)
        with progress_bar("applying", len(checked.tasks)) as advance:
            done = apply_checked(
                installation.registry, checked, installation.resources, dry_run=dry_run, applied=advance
            )
        if as_json:
            echo_json(done)
            return
        changes = field_changes(installation.registry, checked, done["updated"]) if dry_run else {}
        applied = {*done["created"], *done["updated"]}
        tasks = [task for task in checked.tasks if task.id in applied and not dry_run]
        now = installation.clock()
        _echo_outcome(done, changes)
        for task in tasks[:_SHOWN]:
            tell(f"{task.id}: {when_it_runs(task, now)}")
        tell(f"{path}: {summary(done)}{' (dry run: nothing was applied)' if dry_run else ''}")
        tell_issues(issues_of_tasks(installation.client, tasks))


def _echo_outcome(
    done: Mapping[Applied, Collection[str]], changes: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> None:
    named = {task_id: f"{_SIGNS[what]} {task_id}" for what, ids in done.items() for task_id in ids}
    if not changes:  # at once: there may be thousands
        echo_file("".join(f"{line}\n" for line in named.values()))
        return
    for task_id, line in named.items():
        echo(line, *field_lines(changes.get(task_id, {})))


@click.command(epilog="Example: mission-control task diff tasks.yaml")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@parameters.as_json
def diff(file: Path | None, as_json: bool) -> None:
    """Show what `tasks apply FILE` would change: each field before and after. Changes nothing.

    --json prints an object with the ids of tasks that would be `created` and are `unchanged`, and the fields
    of those that would be `updated`.
    """
    from mission_control.operate.apply import apply_checked, check_task_file, field_changes

    with current(sets_up=True, dry_run=True) as installation:
        registry = installation.registry
        path = installation.settings.default_tasks_file if file is None else file
        checked = check_task_file(registry, path)
        done = apply_checked(registry, checked, installation.resources, dry_run=True)
        changes = field_changes(registry, checked, done["updated"])
    if as_json:
        echo_json({**done, "updated": changes})
        return
    for task_id in done["created"]:
        echo(f"{_SIGNS['created']} {task_id}")
    for task_id in done["updated"]:
        echo(f"{_SIGNS['updated']} {task_id}", *field_lines(changes.get(task_id, {})))
    tell(f"{path}: {summary(done)}")


def field_lines(changes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return lines that say how fields changed.

    >>> field_lines({"priority": {"from": 0, "to": 3}, "schedule.time": {"from": None, "to": "09:00"}})
    ['    priority: 0 → 3', '    schedule.time:  → 09:00']
    """
    return [f"    {path}: {as_text(one['from'])} → {as_text(one['to'])}" for path, one in changes.items()]


def summary(done: Mapping[Applied, Collection[str]]) -> str:
    """Return in words what applying a file did.

    >>> summary({"created": ["a", "b"], "updated": [], "unchanged": ["c"]})
    '2 created, 1 unchanged'
    """
    return ", ".join(f"{len(ids)} {what}" for what, ids in done.items() if ids) or "no tasks"
