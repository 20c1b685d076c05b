"""`mission-control limit set` and `limit remove`."""

from __future__ import annotations

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.resource_changes import remove_resource, set_resource


@click.command("set")
@click.argument("name")
@click.option("--concurrency", type=int, metavar="N", help="How many runs may go on at a time.")
@click.option("--rate", metavar="N/TIME", help="How many runs may begin in a time, such as 30/m or 5/10s.")
@click.option("--burst", type=int, metavar="N", help="How many of these may begin at once; 1 by default.")
@click.option("--per", metavar="PARAM", help="Limit each value of a param on its own: params.customer.")
@parameters.reason
@parameters.dry_run
def set_limit(
    name: str,
    concurrency: int | None,
    rate: str | None,
    burst: int | None,
    per: str | None,
    reason: str | None,
    dry_run: bool,
) -> None:
    """Set a limit, in the place of the one of that name. Tasks refer to it in their field `limits`.

    Runs that have begun go on. Runs that wait are judged by the new limit at once.
    """
    given = {"name": name, "concurrency": concurrency, "rate": rate, "burst": burst, "per": per}
    with current(sets_up=True, dry_run=dry_run) as installation:
        set_resource(installation.limits, given, reason=reason, dry_run=dry_run)


@click.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Even if tasks refer to it: they run without it.")
@parameters.reason
@parameters.dry_run
def remove(name: str, force: bool, reason: str | None, dry_run: bool) -> None:
    """Remove a limit. Runs that wait for it are sent.

    Exit code 4: tasks refer to it. Names them.
    """
    with current() as installation:
        remove_resource(installation.limits, name, force=force, reason=reason, dry_run=dry_run)
