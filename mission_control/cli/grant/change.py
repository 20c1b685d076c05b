"""`mission-control grant create` and `grant revoke`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_json, tell


@click.command()
@click.argument("name")
@click.option(
    "--handlers",
    required=True,
    metavar="PATH[,PATH]...",
    help="The handlers that its tasks may have, such as handlers.reports.*.",
)
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
    metavar="N/d",
    help="A change waits for an approval if its tasks are due more often a day then; 0/d for every task.",
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
    handlers: str,
    tools: str | None,
    expires: float,
    as_json: bool,
    dry_run: bool,
    **bounds: Any,  # noqa: ANN401
) -> None:
    """Create a grant, and print its token once, on stdout. Only a digest of it is stored.

    Its holder, a program or an agent, sees and changes its own tasks only, through `mission-control mcp`.
    """
    from mission_control.operate.grants.tokens import create_grant

    given = {**{field: value for field, value in bounds.items() if value is not None}, "name": name}
    given["handlers"] = _parts(handlers)
    if tools is not None:
        given["tools"] = _parts(tools)
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
@click.argument("name")
@parameters.reason
@parameters.dry_run
def revoke(name: str, reason: str | None, dry_run: bool) -> None:
    """Revoke a grant: its token is refused from now on. Its tasks stay until they expire."""
    from mission_control.operate.grants.tokens import revoke_grant
    from mission_control.registry.grants import Approvals

    with current() as installation:
        ours = installation.grants
        approvals = Approvals(installation.client, ours)
        tasks = revoke_grant(ours, installation.budgets, approvals, name, reason=reason, dry_run=dry_run)
    stay = f"; {len(tasks)} of its tasks stay: `mission-control pause --owner grant:{name}`" if tasks else ""
    tell(f"{name}: {'would be revoked (dry run)' if dry_run else 'revoked'}{stay}")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
