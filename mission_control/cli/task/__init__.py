"""`mission-control task …`: one task at a time."""

from __future__ import annotations

import rich_click as click

from mission_control.cli.terminal.lazy_group import LazyGroup

_HERE = "mission_control.cli.task"


@click.group(
    cls=LazyGroup,
    lazy={
        "list": f"{_HERE}.list:list_tasks",
        "show": f"{_HERE}.show:show",
        "add": f"{_HERE}.add:add",
        "update": f"{_HERE}.update:update",
        "enable": f"{_HERE}.switch:enable",
        "disable": f"{_HERE}.switch:disable",
        "run": f"{_HERE}.run:run",
        "remove": f"{_HERE}.remove:remove",
        "history": f"{_HERE}.history:history",
        "revisions": f"{_HERE}.revisions:revisions",
    },
)
def task() -> None:
    """Add, look at, change and run tasks."""
