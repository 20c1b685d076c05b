"""`mission-control handler …`: what tasks can run."""

from __future__ import annotations

import rich_click as click

from mission_control.cli.terminal.lazy_group import LazyGroup

_HERE = "mission_control.cli.handler"


@click.group(
    cls=LazyGroup,
    lazy={
        "list": f"{_HERE}.list:list_handlers",
        "check": f"{_HERE}.check:check",
        "new": f"{_HERE}.new:new",
        "test": f"{_HERE}.test:test",
    },
)
def handler() -> None:
    """List, check, write and try handlers."""
