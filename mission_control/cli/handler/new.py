"""`mission-control handler new`."""

from __future__ import annotations

import os
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.failures import CommandError
from mission_control.cli.terminal.output import echo, tell
from mission_control.handler_catalog.catalog import catalog_from
from mission_control.model.values.handler_paths import handler_path_problem
from mission_control.safe_paths.own_files import make_folder

if TYPE_CHECKING:
    from mission_control.configuration.settings import Settings


@click.command()
@click.argument("name")
@parameters.dry_run
def new(name: str, dry_run: bool) -> None:
    """Write a template of handlers.NAME.run to the first handlers directory."""
    from mission_control.configuration.settings import read_settings

    file = _file_for(name, read_settings())
    if dry_run:
        tell(f"{file} would be written (dry run)")
        return
    make_folder(file.parent, 0o755)
    try:
        with open(file, "x", opener=partial(os.open, mode=0o644), encoding="utf-8") as opened:
            opened.write(resources.files(__package__).joinpath("template.txt").read_text("utf-8"))
    except FileExistsError as error:
        raise CommandError(
            f"{file} already exists and is not overwritten; choose another name", ExitCode.REFUSED
        ) from error
    echo(str(file))
    tell(
        f"try it with `mission-control handler test handlers.{name}.run`; "
        "`up` finds it at once, other workers after a restart"
    )


def _file_for(name: str, settings: Settings) -> Path:
    path = f"handlers.{name}.run"
    problem = handler_path_problem(path)
    if problem is not None:
        raise CommandError(f"{name!r} cannot name a handler: {problem}", ExitCode.USAGE)
    if not settings.handlers:
        raise CommandError(
            "MISSION_CONTROL_HANDLERS names no directory; set it, for example to ./handlers", ExitCode.USAGE
        )
    for one in catalog_from(settings.handlers).handlers().values():
        if one.path.startswith(f"handlers.{name}."):
            raise CommandError(
                f"handlers.{name} already exists: {one.file}; choose another name", ExitCode.REFUSED
            )
    return settings.handlers[0] / f"{name}.py"
