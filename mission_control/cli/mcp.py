"""`mission-control mcp`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.terminal.failures import CommandError, ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import tell

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.model.definitions.grant import Grant
    from mission_control.operate.grants.work import GrantedWork


@click.command()
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file, readable by you alone, with the token of a grant; for stdin and stdout.",
)
@click.option("--http", "is_http", is_flag=True, help="Serve HTTP; each client sends the token of its grant.")
@click.option("--host", default="127.0.0.1", show_default=True, help="With --http: where to listen.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8801, show_default=True, help="With --http.")
def mcp(token_file: Path | None, is_http: bool, host: str, port: int) -> None:
    """Serve agents by the Model Context Protocol, within their grants, over stdin and stdout or HTTP.

    It needs the extra: pip install 'mission-control[mcp]'.
    """
    if is_http is (token_file is not None):
        raise click.UsageError("Give either --token-file, for stdin and stdout, or --http.")
    if find_spec("mcp") is None:
        raise CommandError("it needs the package mcp: pip install 'mission-control[mcp]'", ExitCode.FAILED)
    from mission_control.mcp.server import Desk
    from mission_control.mcp.transports import serve_http, serve_stdio, token_of_request
    from mission_control.operate.grants.tokens import holder_of

    with current() as installation:
        grants, clock, url = installation.grants, installation.clock, installation.redis_url
        work = granted_work(installation)
        refused = lambda grant, why: work.changes.uses.note(grant.owner, "refused", "*", why)  # noqa: E731
        holder: Callable[[str | None], Grant] = lambda token: holder_of(  # noqa: E731
            grants, token, clock(), refused=refused
        )
        if token_file is not None:
            token = _token_in(token_file)
            holder(token)
            serve_stdio(Desk(work, lambda: holder(token), url).server())
            return
        desk = Desk(work, lambda: holder(token_of_request()), url)
        _warn_of(host)
        serve_http(desk.server(), holder, host, port, listening=lambda one: tell(f"listening on {one}"))


def granted_work(installation: Installation) -> GrantedWork:
    """Return what answers and acts for the holders of an installation's grants."""
    from mission_control.dispatch.enqueue import Dispatch
    from mission_control.dispatch.run_control import RunControl
    from mission_control.operate.assembly import asking, granted_changes
    from mission_control.operate.grants.work import GrantedWork
    from mission_control.operate.pausing import Pausing
    from mission_control.registry.change_log import ChangeLog
    from mission_control.registry.pauses import Pauses

    def pausing(grant: Grant) -> Pausing:
        log = ChangeLog(installation.changes, actor=grant.owner)
        pauses = Pauses(installation.client, log, installation.clock)
        control = RunControl.of(installation)
        return Pausing(installation.registry, pauses, control, installation.backfills, installation.clock)

    return GrantedWork(
        granted_changes(installation),
        installation.client,
        installation.ledger,
        asking(installation),
        lambda: Dispatch.of(installation),
        pausing,
        installation.registry.check.default_timezone,
    )


def _token_in(file: Path) -> str:
    from mission_control.signing.key_source import read_key_file

    try:
        return read_key_file(str(file.absolute())).strip()
    except ValueError as error:
        raise CommandError(str(error), ExitCode.REFUSED) from error


def _warn_of(host: str) -> None:
    from mission_control.model.values.addresses import is_loopback

    if not is_loopback(host):
        tell("warning: tokens cross the network in plain HTTP; put a server that speaks TLS in front")
