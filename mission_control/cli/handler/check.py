"""`mission-control handler check`."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.output import echo, echo_json, tell

if TYPE_CHECKING:
    from mission_control.handler_catalog.catalog import HandlerCatalog

_AT_ONCE = 4


@click.command()
@click.argument("paths", nargs=-1)
@parameters.as_json
def check(paths: tuple[str, ...], as_json: bool) -> ExitCode:
    """Import handlers as a worker does, and report problems; all handlers, or those named.

    Each module is imported in its own process. Exit code 1: a handler cannot be used.
    """
    from mission_control.configuration.settings import read_settings
    from mission_control.handler_catalog.catalog import catalog_from

    problems = check_handlers(catalog_from(read_settings().handlers), paths)
    if as_json:
        echo_json([{"handler": path, "problem": problem} for path, problem in problems.items()])
    else:
        _show(problems)
    return ExitCode.FAILED if any(problems.values()) else ExitCode.DONE


def check_handlers(catalog: HandlerCatalog, paths: Iterable[str] = ()) -> dict[str, str | None]:
    """Return the problem (or None) of each named handler, or of all handlers."""
    named = list(dict.fromkeys(paths))
    known = catalog.handlers()
    static = (
        {path: catalog.problem(path) for path in named}
        if named
        else {p: one.problem for p, one in known.items()}
    )
    return {**static, **_imported([path for path, problem in static.items() if problem is None])}


def _imported(paths: list[str]) -> dict[str, str | None]:
    from mission_control.cli.handler.probe import import_problems

    modules = [list(group) for _, group in groupby(sorted(paths), key=lambda path: path.rpartition(".")[0])]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return {
            path: problem for found in pool.map(import_problems, modules) for path, problem in found.items()
        }


def _show(problems: dict[str, str | None]) -> None:
    from rich.text import Text

    for path, problem in problems.items():
        if problem is None:
            echo(Text.assemble(("✓ ", "green"), path))
        else:
            echo(Text.assemble(("✗ ", "red"), path), Text("    " + problem.replace("\n", "\n    ")))
    broken = sum(problem is not None for problem in problems.values())
    tell(f"{len(problems)} checked, {broken or 'none'} with a problem")
