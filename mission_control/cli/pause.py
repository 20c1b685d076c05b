"""`mission-control pause` and `mission-control resume`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, printable, table, tell
from mission_control.cli.terminal.wording import in_how_long, in_own_time, local_time, own_zone
from mission_control.model.values.instants import parse_instant
from mission_control.model.values.quantities import counted

if TYPE_CHECKING:
    from collections import Counter
    from zoneinfo import ZoneInfo

    from mission_control.installation.installation import Installation
    from mission_control.model.policies.pause import PauseLayer
    from mission_control.operate.pausing import Selector
    from mission_control.operate.resuming import ResumedTask
    from mission_control.registry.registry import Registry

_SHOWN: Final = 20
_RESUMED: Final = (Column(""), Column("skipped", Worth.HIGH, right=True), Column("caught up", right=True))
_PAUSED: Final = (
    Column("until", Worth.KEY),
    Column("by", Worth.LOW, least=8),
    Column("why", Worth.KEY, least=12),
)
_ENDINGS: Final = {
    "skipped": "waiting occurrence skipped",
    "cancelled": "waiting run cancelled",
    "stopped": "running one asked to stop",
    "running": "running one goes on; --stop-running ends it",
}


def _selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the ways to select tasks; each that is given is a pause of its own."""
    for kind in ("handler", "queue", "tag", "owner"):
        what = f"Tasks with this {kind}; may be repeated."
        command = click.option(f"--{kind}", multiple=True, metavar=kind.upper(), help=what)(command)
    command = click.option("--all", "every", is_flag=True, help="All tasks.")(command)
    return parameters.maybe_task_ids(command)


@click.command()
@_selecting
@click.option("--until", type=parameters.MOMENT, metavar="MOMENT", help="Resume then: 5m, 'tomorrow 09:00'.")
@click.option("--reason", help="Why; kept with the pause and each occurrence that it skips.")
@click.option("--stop-running", is_flag=True, help="End what runs too, what was requested, and backfills.")
@click.option("--list", "is_list", is_flag=True, help="Show the pauses instead.")
@parameters.as_json
@parameters.dry_run
def pause(  # the options of the command
    until: datetime | None,
    reason: str | None,
    stop_running: bool,
    is_list: bool,
    as_json: bool,
    dry_run: bool,
    **selection: Any,  # noqa: ANN401  # the options of `_selecting`
) -> None:
    """Pause tasks: each occurrence that falls due is skipped, until they are resumed.

    Waiting occurrences are skipped too, and nothing is retried. What runs goes on. Tasks can still be run
    by hand.
    """
    from mission_control.operate.assembly import pausing

    selectors = _selectors(**selection)
    if bool(selectors) is is_list:
        raise click.UsageError(
            "Name tasks, or give --all, --owner, --tag, --queue or --handler; or --list alone."
        )
    with current() as installation:
        if is_list:
            _list(installation, as_json=as_json)
            return
        selectors = _in_full(installation.registry, selectors)
        done = pausing(installation).pause(
            selectors,
            until=until,
            reason=reason,
            stop_running=stop_running,
            dry_run=dry_run,
        )
    if as_json:
        echo_json(done.to_json())
        return
    for layer in done.layers:
        tell(printable(f"{'would be ' if dry_run else ''}{in_own_time(layer.words(), own_zone())}"))
    tell(f"{counted(len(done.tasks), 'task')}{_endings(done.runs)}")


@click.command()
@_selecting
@click.option(
    "--catch-up", is_flag=True, help="Run what was skipped, as far as each task's misfire policy says."
)
@parameters.reason
@parameters.as_json
@parameters.dry_run
def resume(
    reason: str | None,
    catch_up: bool,
    as_json: bool,
    dry_run: bool,
    **selection: Any,  # noqa: ANN401  # the options of `_selecting`
) -> None:
    """End pauses, selected as they were set. Prints which tasks run again, and when.

    What was skipped meanwhile does not run. Exit code 3: there is no such pause.
    """
    from mission_control.operate.assembly import resuming

    selectors = _selectors(**selection)
    if not selectors:
        raise click.UsageError("Name tasks, or give --all, --owner, --tag, --queue or --handler.")
    with current() as installation:
        selectors = _in_full(installation.registry, selectors)
        done = resuming(installation).resume(selectors, reason=reason, catch_up=catch_up, dry_run=dry_run)
        now = installation.clock()
    if as_json:
        echo_json(done.to_json())
        return
    for layer in done.layers:
        words = in_own_time(layer.words(), own_zone())
        tell(printable(f"{'would resume' if dry_run else 'resumed'} what was {words}"))
    rows = [_resumed(one, now) for one in done.tasks[:_SHOWN]]
    if rows:
        next_run = Column(f"next run ({own_zone().key})", Worth.KEY)
        echo(table(Column("task", Worth.KEY), next_run, *_RESUMED, rows=rows))
    if len(done.tasks) > _SHOWN:
        tell(f"… {len(done.tasks)} tasks in all; --json shows them")


def _selectors(task_ids: tuple[str, ...], every: bool, **values: tuple[str, ...]) -> list[Selector]:
    from mission_control.model.policies.pause import PauseKind

    found = [(PauseKind.ALL, "")] if every else []
    found += [(PauseKind.TASK, one) for one in task_ids]
    return found + [(PauseKind(kind), one) for kind, given in values.items() for one in given]


def _in_full(registry: Registry, selectors: list[Selector]) -> list[Selector]:
    from mission_control.model.policies.pause import PauseKind
    from mission_control.operate.tasks import task_id_of

    return [
        (kind, task_id_of(registry, value, changes=True) if kind is PauseKind.TASK else value)
        for kind, value in selectors
    ]


def _list(installation: Installation, *, as_json: bool) -> None:
    from mission_control.operate.pausing import layer_json

    layers = installation.pauses.read().in_force(installation.clock())
    if as_json:
        echo_json([layer_json(one) for one in layers])
    elif layers:
        here = own_zone()
        rows = [(one.name, local_time(one.since, here), *_end(one, here), one.who) for one in layers]
        reasons = [printable(one.reason or "") for one in layers]
        shown = [(*row, reason) for row, reason in zip(rows, reasons, strict=True)]
        echo(table(Column("paused", Worth.KEY), Column(f"since ({here.key})"), *_PAUSED, rows=shown))
    else:
        tell("nothing is paused")


def _end(layer: PauseLayer, here: ZoneInfo) -> Iterator[str]:
    yield "it is resumed" if layer.until is None else local_time(layer.until, here)


def _endings(runs: Counter[Any]) -> str:
    return "".join(f"; {runs[name]} {words}" for name, words in _ENDINGS.items() if runs[name])


def _resumed(one: ResumedTask, now: datetime) -> tuple[str, str, str, str, str]:
    counts = str(len(one.skipped)), str(len(one.caught_up))
    if one.paused_by:
        return (one.task.id, "paused", ", ".join(printable(layer.name) for layer in one.paused_by), *counts)
    if not one.task.enabled:
        return (one.task.id, "disabled", "", *counts)
    if one.next_run is None:
        return (one.task.id, "never", "", *counts)
    moment = parse_instant(one.next_run)
    return (one.task.id, local_time(moment, own_zone()), in_how_long(moment, now), *counts)
