"""`mission-control limit …`: named limits, which tasks refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.completions import LIMITS
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, ShortNames, Worth
from mission_control.cli.terminal.output import echo, echo_json, facts, printable, table, tell
from mission_control.cli.terminal.resource_changes import remove_resource, set_resource
from mission_control.cli.terminal.watching import watchable
from mission_control.cli.terminal.wording import local_time, own_zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.operate.limits import Bucket

_SHOWN: Final = 10
_COLUMNS: Final = (Column("allows", Worth.KEY), Column("tasks", least=12))
_BUCKET: Final = (
    Column("value", Worth.KEY),
    Column("held by", Worth.KEY, least=12),
    Column("waiting", Worth.KEY, least=12),
)


@click.command("set")
@click.argument("name", shell_complete=LIMITS)
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
@click.argument("name", shell_complete=LIMITS)
@click.option("--force", is_flag=True, help="Even if tasks refer to it: they run without it.")
@parameters.reason
@parameters.dry_run
def remove(name: str, force: bool, reason: str | None, dry_run: bool) -> None:
    """Remove a limit. Runs that wait for it are sent.

    Exit code 4: tasks refer to it. Names them.
    """
    with current() as installation:
        name = installation.limits.name_of(name, changes=True)
        remove_resource(installation.limits, name, force=force, reason=reason, dry_run=dry_run)


@click.command("list")
@watchable
@parameters.as_json
def list_limits(as_json: bool) -> None:
    """List the limits, and the tasks that refer to them."""
    with current() as installation:
        limits = installation.limits
        found = [
            (limit, [task_id for task_id, _ in limits.users(name)]) for name, limit in limits.all().items()
        ]
    if as_json:
        echo_json([{**limit.to_dict(), "tasks": users} for limit, users in found])
    elif found:
        rows = [(limit.name, limit.words(), ", ".join(users)) for limit, users in found]
        echo(table(Column("limit", Worth.KEY, names=ShortNames(limits.all)), *_COLUMNS, rows=rows))
    else:
        tell("no limits")


@click.command()
@click.argument("name", shell_complete=LIMITS)
@watchable
@parameters.as_json
def show(name: str, as_json: bool) -> None:
    """Show a limit: the tasks that refer to it, the runs that hold its slots, and those that wait."""
    from mission_control.operate.limits import buckets

    with current() as installation:
        name = installation.limits.name_of(name)
        limit = installation.limits.get(name)
        users = installation.limits.users(name)
        found = buckets(installation.client, limit, installation.clock())
        here = own_zone()
    if as_json:
        echo_json({**limit.to_dict(), "tasks": dict(users), "in_use": [one.to_json() for one in found]})
        return
    rows = [("limit", name), ("allows", limit.words())]
    rows += [
        ("tasks", ", ".join(task_id if weight == 1 else f"{task_id} ({weight})" for task_id, weight in users))
    ]
    echo(facts(rows))
    if found:
        shown = [_row(one, here) for one in found[:_SHOWN]]
        echo(table(*_BUCKET, Column(f"next ({here.key})", Worth.HIGH), rows=shown))
    if len(found) > _SHOWN:
        tell(f"… {len(found):,} values in all; --json shows them")


def _row(bucket: Bucket, here: ZoneInfo) -> tuple[str, str, str, str]:
    next_at = "" if bucket.next_at is None else local_time(bucket.next_at, here)
    waiting = f"{len(bucket.waiting):,}: {', '.join(bucket.waiting[:3])}" if bucket.waiting else ""
    return printable(bucket.value or ""), ", ".join(list(bucket.holders)[:_SHOWN]), waiting, next_at
