"""`mission-control audit …`: the permanent record of what ran."""

from __future__ import annotations

import rich_click as click

from mission_control.cli.terminal.lazy_group import LazyGroup

_HERE = "mission_control.cli.audit"


@click.group(
    cls=LazyGroup,
    lazy={
        "tail": f"{_HERE}.tail:tail",
        "query": f"{_HERE}.query:query",
        "verify": f"{_HERE}.verify:verify",
        "repair": f"{_HERE}.verify:repair",
    },
)
def audit() -> None:
    """Read the permanent record of runs, and check it."""
