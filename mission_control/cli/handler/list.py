"""`mission-control handler list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.output import echo, echo_json, near, printable, table

if TYPE_CHECKING:
    from rich.text import Text

    from mission_control.handler_catalog.catalog import HandlerSource


@click.command("list")
@parameters.as_json
def list_handlers(as_json: bool) -> ExitCode:
    """List the built-in handlers, and those in MISSION_CONTROL_HANDLERS (./handlers).

    Imports nothing; `handler check` does. Exit code 1: a handler cannot be used.
    """
    from mission_control.configuration.settings import read_settings
    from mission_control.handler_catalog.catalog import catalog_from

    handlers = catalog_from(read_settings().handlers).handlers()
    if as_json:
        echo_json([source_json(one) for one in handlers.values()])
    else:
        echo(
            table(
                "handler",
                "what it does",
                "file",
                rows=[_row(one) for one in handlers.values()],
                flexible=["what it does", "file"],
            )
        )
    return ExitCode.FAILED if any(one.problem is not None for one in handlers.values()) else ExitCode.DONE


def source_json(source: HandlerSource) -> dict[str, object]:
    """Return a handler as a JSON object, as found in its file."""
    return {
        "handler": source.path,
        "summary": source.summary,
        "file": str(source.file),
        "line": source.line,
        "problem": source.problem,
    }


def _row(source: HandlerSource) -> tuple[str, str | Text, str]:
    from rich.text import Text

    about = (
        printable(source.summary) if source.problem is None else Text(printable(source.problem), style="red")
    )
    return source.path, about, near(source.file)
