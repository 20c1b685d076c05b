"""`mission-control handler list`, `handler check` and `handler new`."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from rich.text import Text

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.failures import CommandError, ExitCode
from mission_control.cli.terminal.installation_in_use import is_kept_up
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, near, printable, table, tell
from mission_control.errors import MissionControlError
from mission_control.handler_catalog.catalog import HandlerCatalog, HandlerSource, catalog_from, is_built_in
from mission_control.model.values.handler_paths import handler_path_problem
from mission_control.model.values.printable_text import escaped
from mission_control.safe_paths.own_files import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mission_control.configuration.settings import Settings
    from mission_control.processes.heartbeats import ProcessInfo

_COLUMNS = (
    Column("handler", Worth.KEY),
    Column("what it does", Worth.KEY, least=24),
    Column("file", Worth.LOW, least=12),
)
_AT_ONCE = 4


@click.command("list")
@parameters.as_json
def list_handlers(as_json: bool) -> ExitCode:
    """List the built-in handlers, and those in MISSION_CONTROL_HANDLERS (./handlers).

    Says which of them the live workers do not have, or have in another version. Imports nothing; `handler
    check` does. Exit code 1: a handler cannot be used.
    """
    from mission_control.operate.handlers import difference_from_workers

    handlers = _catalog().handlers().values()
    workers = _workers()
    differences = {one.path: difference_from_workers(one, workers) for one in handlers if one.problem is None}
    if as_json:
        echo_json([{**_json(one), "on_workers": differences.get(one.path)} for one in handlers])
    else:
        echo(table(*_COLUMNS, rows=[_row(one) for one in handlers]))
        for path, difference in differences.items():
            if difference is not None:
                tell(f"{path}: {difference}")
    return ExitCode.FAILED if any(one.problem is not None for one in handlers) else ExitCode.DONE


@click.command()
@click.argument("paths", nargs=-1)
@parameters.as_json
def check(paths: tuple[str, ...], as_json: bool) -> ExitCode:
    """Import handlers as a worker does, and report problems; all handlers, or those named.

    Each module of yours is imported in its own process. Exit code 1: a handler cannot be used.
    """
    catalog = _catalog()
    sources = catalog.handlers()
    found = {path: one.problem for path, one in sources.items()}
    if paths:
        found = {path: catalog.problem(path) for path in paths}
    problems = {**found, **_imported(sources[path] for path, problem in found.items() if problem is None)}
    if as_json:
        echo_json([{"handler": path, "problem": problem} for path, problem in problems.items()])
    else:
        _show(problems)
    return ExitCode.FAILED if any(problems.values()) else ExitCode.DONE


def _catalog() -> HandlerCatalog:
    from mission_control.configuration.settings import read_settings

    return catalog_from(read_settings().handlers)


def _workers() -> list[ProcessInfo]:
    """Return the live workers of the installation; none if it is not up."""
    from mission_control.installation.installation import current_installation
    from mission_control.operate.handlers import live_workers
    from mission_control.store.connection import store_errors

    installation = current_installation()
    if not is_kept_up(installation.settings):
        return []
    try:
        with store_errors(installation.redis_url):
            return live_workers(installation.client)
    except MissionControlError:  # the files are shown all the same
        return []


def _json(source: HandlerSource) -> dict[str, object]:
    about = {name: getattr(source, name) for name in ("summary", "line", "problem")}
    return {"handler": source.path, "file": str(source.file), **about}


def _row(source: HandlerSource) -> tuple[str, str | Text, str]:
    problem = source.problem
    about = source.summary if problem is None else problem
    return source.path, Text(printable(about), style="" if problem is None else "red"), near(source.file)


def _imported(sources: Iterable[HandlerSource]) -> dict[str, str | None]:
    """Return each one's problem, or None; ours have no reason to keep each other from being imported."""
    from mission_control.cli.handler.probe import import_problems

    def together(source: HandlerSource) -> str:
        return "" if is_built_in(source) else str(source.file)

    grouped = groupby(sorted(sources, key=together), key=together)
    modules = [[one.path for one in group] for _, group in grouped]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return {
            path: problem for found in pool.map(import_problems, modules) for path, problem in found.items()
        }


def _show(problems: dict[str, str | None]) -> None:
    for path, problem in problems.items():
        if problem is None:
            echo(Text.assemble(("✓ ", "green"), escaped(path)))
        else:
            echo(Text.assemble(("✗ ", "red"), escaped(path)), Text("    " + problem.replace("\n", "\n    ")))
    broken = sum(problem is not None for problem in problems.values())
    tell(f"{len(problems)} checked, {broken or 'none'} with a problem")


@click.command()
@click.argument("name")
@parameters.dry_run
def new(name: str, dry_run: bool) -> None:
    """Write a template of handlers.NAME.run to the first handlers directory."""
    from mission_control.configuration.settings import read_settings

    file = _file_for(name, read_settings())
    if dry_run:
        tell(f"{file} would be written (dry run)")
        return
    make_folder(file.parent, 0o755)
    try:
        with open(file, "x", opener=partial(os.open, mode=0o644), encoding="utf-8") as opened:
            opened.write(resources.files(__package__).joinpath("template.txt").read_text("utf-8"))
    except FileExistsError as error:
        raise CommandError(
            f"{file} already exists and is not overwritten; choose another name", ExitCode.REFUSED
        ) from error
    echo(str(file))
    tell(
        f"try it with `mission-control handler test handlers.{name}.run`; "
        "`up` finds it at once, other workers after a restart"
    )


def _file_for(name: str, settings: Settings) -> Path:
    path = f"handlers.{name}.run"
    problem = handler_path_problem(path)
    if problem is not None:
        raise CommandError(f"{name!r} cannot name a handler: {problem}", ExitCode.USAGE)
    if not settings.handlers:
        raise CommandError(
            "MISSION_CONTROL_HANDLERS names no directory; set it, for example to ./handlers", ExitCode.USAGE
        )
    for one in catalog_from(settings.handlers).handlers().values():
        if one.path.startswith(f"handlers.{name}."):
            raise CommandError(
                f"handlers.{name} already exists: {one.file}; choose another name", ExitCode.REFUSED
            )
    return settings.handlers[0] / f"{name}.py"
