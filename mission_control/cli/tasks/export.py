"""`mission-control tasks export`."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.failures import CommandError
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo_json, tell


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, allow_dash=True))
@parameters.dry_run
def export(file: Path | None, dry_run: bool) -> None:
    """Write every task to FILE, in the format of `tasks apply`.

    FILE defaults to the installation's own; - is stdout. It is replaced in one step, and only its owner can
    read it.
    """
    from mission_control.files.task_file import write_task_file

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
        write_task_file(path, installation.registry.definitions())
        sys.stdout.write(f"{path}\n")
