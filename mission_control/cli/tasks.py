"""`mission-control tasks …`: all tasks at once, from and to files."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli import parameters
from mission_control.cli.exit_codes import ExitCode
from mission_control.cli.failures import CommandError
from mission_control.cli.installation_in_use import current
from mission_control.cli.output import echo, echo_json, tell

if TYPE_CHECKING:
    from mission_control.task_application import Application


@click.group()
def tasks() -> None:
    """Apply and export files of tasks."""


@tasks.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@parameters.as_json
@parameters.dry_run
def apply(file: Path | None, as_json: bool, dry_run: bool) -> None:
    """Make the tasks in FILE be as it says: all of them, or none if one is wrong.

    Without FILE it is the installation's own (data/tasks/scheduled_tasks.json, or
    MISSION_CONTROL_TASKS_FILE). Tasks that are not in the file stay as they are.
    """
    from mission_control.task_application import apply_task_file

    with current() as installation:
        path = installation.settings.default_tasks_file if file is None else file
        done = apply_task_file(installation, path, dry_run=dry_run)
        if as_json:
            echo_json(asdict(done))
            return
        for ids, sign in ((done.created, "+"), (done.updated, "~"), (done.unchanged, "=")):
            for task_id in ids:
                echo(f"{sign} {task_id}")
        tell(f"{path}: {summary(done)}{' (dry run: nothing was applied)' if dry_run else ''}")


@tasks.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, allow_dash=True))
@parameters.dry_run
def export(file: Path | None, dry_run: bool) -> None:
    """Write every task to FILE (- is stdout), as `tasks apply` reads it.

    Without FILE it is the installation's own. The file is replaced as a whole; its owner alone can read it.
    """
    from mission_control.task_application import export_task_file

    with current() as installation:
        if file == Path("-"):
            echo_json({"tasks": [task.to_dict() for task in installation.registry.definitions()]})
            return
        path = installation.settings.default_tasks_file if file is None else file
        if dry_run:
            tell(f"{len(installation.registry.definitions())} tasks would be written to {path} (dry run)")
            return
        if path.is_dir():
            raise CommandError(f"{path} is a directory; name a file in it", ExitCode.USAGE)
        sys.stdout.write(f"{export_task_file(installation, path)}\n")


def summary(done: Application) -> str:
    """Return in words what applying a file did.

    >>> from mission_control.task_application import Application
    >>> summary(Application(("a", "b"), (), ("c",)))
    '2 created, 1 unchanged'
    """
    counts = {name: len(ids) for name, ids in asdict(done).items()}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no tasks"
