"""`mission-control simulate`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from mission_control.cli.placing import Window, show_place, show_slots
from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.completions import TASK_IDS
from mission_control.cli.terminal.failures import ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, facts, table, tell
from mission_control.cli.terminal.wording import labelled_time, local_time, own_zone
from mission_control.model.values.instants import parse_instant
from mission_control.model.values.quantities import counted, duration

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.installation.installation import Installation
    from mission_control.operate.simulation.scenario import Scenario
    from mission_control.operate.simulation.simulate import Simulated

_MOST_SLOTS: Final = 100_000
_DAY: Final = 86_400.0


@click.command(epilog="Example: mission-control simulate --for 7d --workers 8 --with tasks.yaml")
@click.argument("task_id", required=False, shell_complete=TASK_IDS)
@click.option(
    "--for",
    "span",
    type=parameters.DURATION,
    default=_DAY,
    metavar="DURATION",
    help="How far from now on: 7d, 12h; one day by default.",
)
@click.option(
    "--workers",
    "slots",
    type=click.IntRange(1, _MOST_SLOTS),
    help="With workers that run so many runs at once, of all queues, instead of those that are up.",
)
@click.option(
    "--with",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="As if the tasks, limits and budgets of this task file were applied.",
)
@click.option(
    "--place",
    "window",
    type=Window(),
    metavar="07:00-09:00",
    help="Show the minutes of this span in which TASK_ID, or a new task, meets the fewest other runs.",
)
@click.option(
    "--start-within",
    "within",
    type=parameters.DURATION,
    metavar="DURATION",
    help="Show how many runs at once it takes so that 99 % start this soon after they are due.",
)
@click.option(
    "--replay",
    "stretch",
    type=(parameters.PAST_MOMENT, parameters.PAST_MOMENT),
    metavar="FROM TO",
    help="Make the decisions of this stretch again, and compare. Exit code 1: some differ.",
)
@parameters.as_json
def simulate(  # one parameter an option
    task_id: str | None,
    span: float,
    slots: int | None,
    file: Path | None,
    window: tuple[time, time] | None,
    within: float | None,
    stretch: tuple[datetime, datetime] | None,
    as_json: bool,
) -> int:
    """Show what will happen: waits, overlaps, limits, budgets, and the busiest minutes. Changes nothing.

    Beat's and the workers' own decisions are made under a clock of their own, from the present situation on.
    How long runs take is drawn from how long earlier ones took. Very long simulations end early, and say so.
    """
    from mission_control.operate.simulation.simulate import simulate as simulated
    from mission_control.operate.tasks import unknown_task

    if (window is not None) + (within is not None) + (stretch is not None) > 1:
        raise click.UsageError("give only one of --place, --start-within and --replay")
    if task_id is not None and window is None:
        raise click.UsageError("TASK_ID is for --place")
    if stretch is not None:
        from mission_control.cli.placing import replay

        return replay(*stretch, as_json=as_json)
    with current(sets_up=file is not None, dry_run=True) as installation:
        scenario = _scenario(installation, slots, file)
        if task_id is not None and task_id not in scenario.tasks:
            raise unknown_task(installation.registry, task_id)
    if window is not None:
        zone = own_zone() if task_id is None else scenario.tasks[task_id].schedule.zone
        show_place(scenario, timedelta(seconds=span), window, zone, task_id, as_json=as_json)
        return ExitCode.DONE
    if within is not None:
        show_slots(scenario, timedelta(seconds=span), timedelta(seconds=within), as_json=as_json)
        return ExitCode.DONE
    found = simulated(scenario, timedelta(seconds=span))
    if as_json:
        echo_json(found.to_json())
    else:
        _show(found, own_zone())
    return ExitCode.DONE


def _scenario(installation: Installation, slots: int | None, file: Path | None) -> Scenario:
    from mission_control.operate.plan.planning import check_task_files
    from mission_control.operate.simulation.present import Present

    registry = installation.registry
    checked = None if file is None else check_task_files(registry, [file])
    present = Present(installation.client, installation.ledger, installation.redbeat_keys)
    return present.scenario(
        registry.definitions(),
        installation.clock(),
        new=[] if checked is None else [one.definition for one in checked.tasks.values()],
        slots=slots,
        resources=None if checked is None else checked.resources,
    )


def _show(found: Simulated, here: ZoneInfo) -> None:
    answer = found.to_json()
    echo(facts(_rows(found, answer, here)))
    if answer["latest"]:
        rows = [(one["task_id"], *_waits(one)) for one in answer["latest"]]
        echo("", table(Column("starts late", Worth.KEY), *_WAITS, rows=rows))
    if answer["busiest"]:
        busiest = [
            (local_time(parse_instant(one["minute"]), here), str(one["fired"])) for one in answer["busiest"]
        ]
        minute = Column(f"busiest minute ({here.key})", Worth.KEY)
        echo("", table(minute, Column("fired", Worth.KEY, right=True), rows=busiest))
    if found.is_cut:
        until = labelled_time(found.until, here)
        tell(f"this is up to {until}: more would take too long; simulate fewer tasks, or a shorter time")
    for one in found.assumptions:
        tell(one)


_WAITS: Final = (
    Column("runs", right=True),
    Column("half within", Worth.HIGH, right=True),
    Column("90 % within", Worth.HIGH, right=True),
    Column("longest", Worth.HIGH, right=True),
)


def _waits(one: dict[str, Any]) -> tuple[str, ...]:
    spans = (duration(timedelta(seconds=one[name])) for name in ("p50", "p90", "longest"))
    return (f"{one['runs']:,}", *spans)


def _rows(found: Simulated, answer: dict[str, Any], here: ZoneInfo) -> Iterator[tuple[str, str]]:
    since, until = labelled_time(found.since, here), labelled_time(found.until, here)
    yield "simulated", f"{since} to {until}"
    yield "fired", counted(answer["fired"], "run")
    yield "ended", _counts(answer["outcomes"]) or "none"
    if answer["not_run"]:
        yield "not run", _counts(answer["not_run"])
    yield "workers", f"{counted(found.slots, 'run')} at once, busy {found.busy_percent} % of the time"
    for one in answer["queues"]:
        runs, half, most, longest = _waits(one)
        yield (
            "waits",
            f"{one['queue']}: {runs} runs, half within {half}, 90 % within {most}, longest {longest}",
        )
    if answer["held_up"]:
        yield "held up", _counts(answer["held_up"])
    for one in answer["budgets"]:
        yield "budget", f"{one['budget']}: {one['peak_percent']} % of its {one['unit']} at most"


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in found.items())
