"""Importing handlers in a separate process, which a broken module may hang or end.

Run as `mission_control.cli.handler.probe handlers.x.run …`; prints one JSON object, from each
path to its problem or null, as its last line.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any, Final

from mission_control.configuration.settings import read_settings
from mission_control.errors import HandlerError
from mission_control.handler_catalog.catalog import HandlerCatalog, HandlerSource, catalog_from
from mission_control.processes.launch import launched

IMPORT_WITHIN: Final = timedelta(seconds=30)
_MOST_SHOWN: Final = 2_000


def import_problems(paths: list[str]) -> dict[str, str | None]:
    """Import these handlers in a new process; return each path's problem, or None."""
    command = [*launched(__name__), *paths]
    try:
        done = subprocess.run(  # noqa: S603  # our own command line
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=IMPORT_WITHIN.total_seconds(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return dict.fromkeys(paths, f"importing it took more than {IMPORT_WITHIN.total_seconds():g} s")
    try:
        found: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        said = f": {done.stderr.strip()[-_MOST_SHOWN:]}" if done.stderr.strip() else ""
        return dict.fromkeys(paths, f"importing it ended the process with exit code {done.returncode}{said}")
    return found


def load(catalog: HandlerCatalog, source: HandlerSource) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Import a handler as a worker does; its code is found by name, as the library imports no worker.

    Raises:
        HandlerError: its module does not import, or it is not a handler.
    """
    loader = import_module("workers.tasks.handler_loader")
    loader.open_handler_package(catalog.usable_directories())
    handler: Callable[[dict[str, Any]], dict[str, Any]] = loader.load_handler(source)
    return handler


def _problem(catalog: HandlerCatalog, path: str) -> str | None:
    source = catalog.handlers().get(path)
    if source is None:
        return catalog.problem(path)
    try:
        load(catalog, source)
    except HandlerError as error:
        return str(error)
    return None


if __name__ == "__main__":
    _catalog = catalog_from(read_settings().handlers)
    sys.stdout.write("\n" + json.dumps({path: _problem(_catalog, path) for path in sys.argv[1:]}) + "\n")
