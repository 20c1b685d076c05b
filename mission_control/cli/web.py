"""`mission-control web`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.terminal.failures import CommandError, ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import tell
from mission_control.cli.terminal.wording import program_name
from mission_control.errors import StoreUnavailableError

if TYPE_CHECKING:
    import socket

    from mission_control.installation.installation import Installation

_OPEN_TO_ALL: Final = (
    "others can reach {host}, and none has a token: create one with `{program} grant create NAME "
    "--permissions read`, or name the proxy that knows its users in MISSION_CONTROL_WEB_PROXIES"
)
_LOOK_EVERY: Final = 1.0


@click.command()
@click.option("--host", metavar="ADDRESS", help="Where to listen. Default: MISSION_CONTROL_WEB_HOST.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Default: MISSION_CONTROL_WEB_PORT, or 8800.")
@click.option("--fd", "descriptor", type=int, hidden=True, help="A socket that listens, opened by `up`.")
def web(host: str | None, port: int | None, descriptor: int | None) -> None:
    """Serve the page and REST, until Ctrl-C. `mission-control up` does so, too."""
    import socket

    from mission_control.model.values.addresses import is_loopback
    from mission_control.processes.http_server import serve, url_of
    from mission_control.processes.launch import imported_for_good

    with imported_for_good():
        from mission_control.web.pages.first_page import make_first_page
        from mission_control.web.server import create_app

    with current() as installation:
        settings = installation.settings
        host = settings.web_host if host is None else host
        port = settings.web_port if port is None else port
        opened = socket.socket(fileno=descriptor) if descriptor is not None else None
        with opened if opened is not None else _patient(installation, host, port) as listener:
            app = create_app(installation, is_open=is_loopback(listener.getsockname()[0]))
            make_first_page(installation)
            if opened is None:
                tell(f"the page is at {url_of(listener)}")
            serve(app, listener)


def _patient(installation: Installation, host: str, port: int) -> socket.socket:
    """Return what `listening` does, but wait for the first token, and for Redis; say once what is missing."""
    from mission_control.processes.http_server import listen
    from mission_control.store.connection import store_errors

    listen(host, port).close()  # waiting does not help against a wrong place
    last = None
    while True:
        try:
            with store_errors(installation.redis_url):
                return listening(installation, host, port)
        except (CommandError, StoreUnavailableError) as error:
            if str(error) != last:
                tell(f"the page waits: {error}")
            last = str(error)
        time.sleep(_LOOK_EVERY)


def listening(installation: Installation, host: str, port: int) -> socket.socket:
    """Return a socket on which the page may be served.

    Raises:
        FleetError: the port is in use, or the host is none of this machine.
        CommandError: others could reach it, and no token or proxy says who they are.
    """
    from mission_control.model.values.addresses import is_loopback
    from mission_control.processes.http_server import listen

    if not is_loopback(host) and not _has_callers(installation):
        raise CommandError(_OPEN_TO_ALL.format(host=host, program=program_name()), ExitCode.REFUSED)
    return listen(host, port)


def _has_callers(installation: Installation) -> bool:
    """Return whether a caller elsewhere can be known: by a token that is valid, or through a proxy."""
    now, grants = installation.clock(), installation.grants.all().values()
    return bool(installation.settings.web_proxies) or any(
        one.permissions and one.expires > now for one in grants
    )
