"""`mission-control grant list` and `grant show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, facts, table, tell
from mission_control.cli.terminal.own_zone import own_zone
from mission_control.cli.terminal.watching import watchable
from mission_control.cli.terminal.wording import labelled_time, local_time

if TYPE_CHECKING:
    from mission_control.model.definitions.grant import Grant

_COLUMNS: Final = (
    Column("grant", Worth.KEY),
    Column("tasks", Worth.HIGH),
    Column("handlers", Worth.LOW, least=10),
    Column("tools", Worth.LOW, least=10),
)


@click.command("list")
@watchable
@parameters.as_json
def list_grants(as_json: bool) -> None:
    """List the grants: how many tasks each has, and when its token expires."""
    with current() as installation:
        ours, here = installation.grants, own_zone()
        found = [(one, len(ours.users(name))) for name, one in ours.all().items()]
    if as_json:
        echo_json([{**one.to_json(), "tasks": count} for one, count in found])
    elif found:
        rows = [(*_row(one, count), local_time(one.expires, here)) for one, count in found]
        echo(table(*_COLUMNS, Column(f"expires ({here.key})", Worth.HIGH), rows=rows))
    else:
        tell("no grants")


@click.command()
@click.argument("name")
@parameters.as_json
def show(name: str, as_json: bool) -> None:
    """Show a grant: what it allows, and the tasks of its holder."""
    with current() as installation:
        grant = installation.grants.get(name)
        tasks, here = [one for one, _ in installation.grants.users(name)], own_zone()
    if as_json:
        echo_json({**grant.to_json(), "tasks": tasks})
        return
    known = {
        **grant.to_json(),
        "expires": labelled_time(grant.expires, here),
        "tasks": ", ".join(tasks) or "none",
    }
    known["created"] = labelled_time(grant.created, here)
    echo(facts([(key, ", ".join(one) if isinstance(one, list) else str(one)) for key, one in known.items()]))


def _row(grant: Grant, count: int) -> tuple[str, str, str, str]:
    return (grant.name, f"{count} of {grant.max_tasks}", ", ".join(grant.handlers), ", ".join(grant.tools))
