"""`mission-control limit list` and `limit show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, facts, printable, table, tell
from mission_control.cli.terminal.own_zone import own_zone
from mission_control.cli.terminal.watching import watchable
from mission_control.cli.terminal.wording import local_time

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.operate.limits import Bucket

_SHOWN: Final = 10
_COLUMNS: Final = (Column("limit", Worth.KEY), Column("allows", Worth.KEY), Column("tasks", least=12))
_BUCKET: Final = (
    Column("value", Worth.KEY),
    Column("held by", Worth.KEY, least=12),
    Column("waiting", Worth.KEY, least=12),
)


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
        echo(table(*_COLUMNS, rows=rows))
    else:
        tell("no limits")


@click.command()
@click.argument("name")
@watchable
@parameters.as_json
def show(name: str, as_json: bool) -> None:
    """Show a limit: the tasks that refer to it, the runs that hold its slots, and those that wait."""
    from mission_control.operate.limits import buckets

    with current() as installation:
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
