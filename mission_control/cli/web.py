"""`mission-control web`."""

from __future__ import annotations

import rich_click as click

from mission_control.cli.terminal.failures import CommandError, ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import tell


@click.command()
@click.option("--host", metavar="ADDRESS", help="Where to listen. Default: MISSION_CONTROL_WEB_HOST.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Default: MISSION_CONTROL_WEB_PORT, or 8800.")
def web(host: str | None, port: int | None) -> None:
    """Serve the page and REST, until Ctrl-C. `mission-control up` does so, too."""
    from mission_control.model.values.addresses import is_loopback
    from mission_control.processes.http_server import serve
    from mission_control.web.server import create_app

    with current() as installation:
        settings = installation.settings
        host = settings.web_host if host is None else host
        if not is_loopback(host):
            raise CommandError(f"{host} is not of this machine alone; listen on 127.0.0.1", ExitCode.REFUSED)
        port = settings.web_port if port is None else port
        app = create_app(installation)
        serve(app, host, port, listening=lambda url: tell(f"the page is at {url}"))
