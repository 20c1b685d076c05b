"""`mission-control grant …`: what holders of tokens may do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.completions import GRANTS
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, facts, table, tell
from mission_control.cli.terminal.watching import watchable
from mission_control.cli.terminal.wording import labelled_time, local_time, own_zone

if TYPE_CHECKING:
    from mission_control.model.definitions.grant import Grant

_COLUMNS: Final = (
    Column("grant", Worth.KEY),
    Column("tasks", Worth.HIGH),
    Column("handlers", Worth.LOW, least=10),
    Column("tools", Worth.LOW, least=10),
)

_SEVERAL: Final = ("handlers", "permissions", "owners", "tags", "tools")


@click.command()
@click.argument("name", shell_complete=GRANTS)
@click.option(
    "--handlers",
    metavar="PATH[,PATH]...",
    help="The handlers that tasks of its own may have, such as handlers.reports.*.",
)
@click.option(
    "--permissions",
    metavar="NAME[,NAME]...",
    help="What it may do with tasks of others, by REST and the page: read, run, pause, edit, admin.",
)
@click.option("--owners", metavar="OWNER[,OWNER]...", help="With --permissions: only tasks of these owners,")
@click.option("--tags", metavar="TAG[,TAG]...", help="… or with one of these tags.")
@click.option(
    "--tools", metavar="TOOL[,TOOL]...", help="What it may use, such as list,show,why. Default: all."
)
@click.option("--max-tasks", type=int, default=20, show_default=True, help="How many tasks it may have.")
@click.option(
    "--min-interval",
    type=parameters.DURATION,
    default="5m",
    show_default=True,
    help="How often one may be due.",
)
@click.option("--runs", metavar="N/TIME", default="200/d", show_default=True, help="How many runs in all.")
@click.option("--usd", metavar="N/TIME", help="How many dollars its runs may spend in all, such as 5/d.")
@click.option(
    "--expire-tasks",
    type=parameters.DURATION,
    default="7d",
    show_default=True,
    help="How long after its last change a task expires.",
)
@click.option(
    "--approve-above",
    metavar="N/d[,Nusd/d]",
    help="A change waits for an approval if its tasks are due more often, or spend more, a day then: 48/d, "
    "2usd/d, 48/d,2usd/d; 0/d for every task.",
)
@click.option(
    "--expires",
    type=parameters.DURATION,
    default="30d",
    show_default=True,
    help="How long the token is valid.",
)
@parameters.as_json
@parameters.dry_run
def create(  # the options of the command
    name: str,
    expires: float,
    as_json: bool,
    dry_run: bool,
    **bounds: Any,  # noqa: ANN401
) -> None:
    """Create a grant, and print its token once, on stdout. Only a digest of it is stored.

    Its holder, a program or an agent, sees and changes its own tasks only, through `mission-control mcp`;
    with --permissions also those of others, through `mission-control web`.
    """
    from mission_control.operate.grants.tokens import create_grant

    given = {**{field: value for field, value in bounds.items() if value is not None}, "name": name}
    given |= {field: _parts(given[field]) for field in _SEVERAL if field in given}
    if "handlers" not in given:
        given.pop("runs", None)  # of tasks of its own
    with current(sets_up=True, dry_run=dry_run) as installation:
        grant, token = create_grant(
            installation.grants,
            installation.budgets,
            given,
            lasts=timedelta(seconds=expires),
            now=installation.clock(),
            dry_run=dry_run,
        )
    if dry_run:
        tell(f"{grant.name}: would grant {grant.words()} (dry run)")
    elif as_json:
        echo_json({**grant.to_json(), "token": token})
    else:
        echo(token)
        tell(f"{grant.name}: {grant.words()}; this is its token, which is not shown again")


@click.command()
@click.argument("name", shell_complete=GRANTS)
@parameters.reason
@parameters.dry_run
def revoke(name: str, reason: str | None, dry_run: bool) -> None:
    """Revoke a grant: its token is refused from now on. Its tasks stay until they expire."""
    from mission_control.operate.grants.tokens import revoke_grant
    from mission_control.registry.grants import Approvals

    with current() as installation:
        ours = installation.grants
        name = ours.name_of(name, changes=True)
        approvals = Approvals(installation.client, ours)
        tasks = revoke_grant(ours, installation.budgets, approvals, name, reason=reason, dry_run=dry_run)
    stay = f"; {len(tasks)} of its tasks stay: `mission-control pause --owner grant:{name}`" if tasks else ""
    tell(f"{name}: {'would be revoked (dry run)' if dry_run else 'revoked'}{stay}")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


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
@click.argument("name", shell_complete=GRANTS)
@parameters.as_json
def show(name: str, as_json: bool) -> None:
    """Show a grant: what it allows, and the tasks of its holder."""
    with current() as installation:
        grant = installation.grants.get(installation.grants.name_of(name))
        tasks, here = [one for one, _ in installation.grants.users(grant.name)], own_zone()
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
