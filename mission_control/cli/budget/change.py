"""`mission-control budget set` and `budget remove`."""

from __future__ import annotations

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.resource_changes import remove_resource, set_resource


@click.command("set")
@click.argument("name")
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
@click.argument("name")
@click.option("--force", is_flag=True, help="Even if tasks refer to it: they run without it.")
@parameters.reason
@parameters.dry_run
def remove(name: str, force: bool, reason: str | None, dry_run: bool) -> None:
    """Remove a budget. What was spent of it is remembered for a window, in case it is set again.

    Exit code 4: tasks refer to it. Names them.
    """
    with current() as installation:
        remove_resource(installation.budgets, name, force=force, reason=reason, dry_run=dry_run)
