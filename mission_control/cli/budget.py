"""`mission-control budget …`: budgets, which tasks refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.completions import BUDGETS
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, table, tell
from mission_control.cli.terminal.resource_changes import remove_resource, set_resource
from mission_control.cli.terminal.watching import watchable
from mission_control.cli.terminal.wording import local_time, own_zone

if TYPE_CHECKING:
    from datetime import tzinfo

    from mission_control.operate.budgets import Standing


@click.command("set")
@click.argument("name", shell_complete=BUDGETS)
@click.option("--usd", metavar="N/TIME", help="How many dollars may be spent in a time, such as 5/d.")
@click.option("--tokens", metavar="N/TIME", help="How many tokens may be spent in a time, such as 1M/12h.")
@click.option("--runs", metavar="N/TIME", help="How many runs may start in a time, such as 200/h.")
@parameters.reason
@parameters.dry_run
def set_budget(
    name: str, usd: str | None, tokens: str | None, runs: str | None, reason: str | None, dry_run: bool
) -> None:
    """Set a budget, in the place of the one of that name. Tasks refer to it in their field `budgets`.

    What was spent so far still counts. Runs that have started go on.
    """
    given = {"name": name, "usd": usd, "tokens": tokens, "runs": runs}
    with current(sets_up=True, dry_run=dry_run) as installation:
        set_resource(installation.budgets, given, reason=reason, dry_run=dry_run)


@click.command()
@click.argument("name", shell_complete=BUDGETS)
@click.option("--force", is_flag=True, help="Even if tasks refer to it: they run without it.")
@parameters.reason
@parameters.dry_run
def remove(name: str, force: bool, reason: str | None, dry_run: bool) -> None:
    """Remove a budget. What was spent of it is remembered for a window, in case it is set again.

    Exit code 4: tasks refer to it. Names them.
    """
    with current() as installation:
        name = installation.budgets.name_of(name, changes=True)
        remove_resource(installation.budgets, name, force=force, reason=reason, dry_run=dry_run)


_COLUMNS: Final = (
    *(Column(name, Worth.KEY) for name in ("budget", "cap", "spent")),
    Column("reserved"),
    Column("", Worth.HIGH),
    Column("frees at", Worth.HIGH),
    Column("tasks", Worth.LOW, least=10),
)


@click.command("list")
@watchable
@parameters.as_json
def list_budgets(as_json: bool) -> None:
    """List the budgets: what is spent and reserved, when a used-up one frees, and which tasks refer to it."""
    _show(None, as_json=as_json)


@click.command()
@click.argument("name", shell_complete=BUDGETS)
@watchable
@parameters.as_json
def show(name: str, as_json: bool) -> None:
    """Show a budget: what is spent, which runs have reserved what, and which tasks refer to it."""
    _show(name, as_json=as_json)


def _show(name: str | None, *, as_json: bool) -> None:
    from mission_control.operate.budgets import budget_json, standings

    with current() as installation:
        ours, client, now = installation.budgets, installation.client, installation.clock()
        shown = list(ours.all().values()) if name is None else [ours.get(ours.name_of(name))]
        found = [
            (one, standings(client, one, now), [task_id for task_id, _ in ours.users(one.name)])
            for one in shown
        ]
        here = own_zone()
    if as_json:
        parts = [budget_json(*one) for one in found]
        echo_json(parts if name is None else parts[0])
    elif found:
        rows = [
            _row(one, users if at == 0 else [], here, is_first=at == 0)
            for _, of_units, users in found
            for at, one in enumerate(of_units)
        ]
        echo(table(*_COLUMNS, rows=rows))
        if name is not None:
            for run_id, left in found[0][1][0].holders.items():
                tell(f"{run_id} may still spend {left}")
    else:
        tell("no budgets")


def _row(one: Standing, users: list[str], here: tzinfo, *, is_first: bool) -> tuple[str, ...]:
    frees = "" if one.frees_at is None else local_time(one.frees_at, here)
    spent, reserved, share = one.shown(one.spent), one.shown(one.reserved), f"{one.percent} %"
    cap = f"{one.given} {one.unit}"
    return (one.budget if is_first else "", cap, spent, reserved, share, frees, ", ".join(users))
