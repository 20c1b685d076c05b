"""`mission-control tasks …`: all tasks at once, from and to files."""

from __future__ import annotations

import rich_click as click

from mission_control.cli.terminal.lazy_group import LazyGroup

_HERE = "mission_control.cli.tasks"


@click.group(
    cls=LazyGroup,
    lazy={
        "apply": f"{_HERE}.apply:apply",
        "export": f"{_HERE}.export:export",
    },
)
def tasks() -> None:
    """Apply and export files of tasks."""
