"""`mission-control status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_json, table, tell
from mission_control.cli.terminal.wording import duration, in_how_long, local_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from mission_control.installation.installation import Installation
    from mission_control.operate.situation import Situation

_KINDS = {"embedded": "its own server in the data directory", "configured": "MISSION_CONTROL_REDIS_URL"}


@click.command()
@click.option("--journal", is_flag=True, help="Show what beat did last instead: fired, missed, set aside.")
@click.option(
    "-n", "limit", type=click.IntRange(min=1), default=20, show_default=True, help="How much of the journal."
)
@parameters.as_json
def status(journal: bool, limit: int, as_json: bool) -> None:
    """Show whether everything is there, what runs, and what is next."""
    from mission_control.operate.situation import look

    with current() as installation:
        if journal:
            _show_journal(installation, limit, as_json=as_json)
            return
        situation = look(installation)
        if as_json:
            echo_json(situation.to_json())
            return
        echo(table("", "", rows=_rows(situation), header=False))


def _show_journal(installation: Installation, limit: int, *, as_json: bool) -> None:
    from mission_control.cli.views.journal import COLUMNS, note_rows
    from mission_control.model.values.zones import zone
    from mission_control.operate.journal import last_notes

    notes = last_notes(installation.client, limit)
    if as_json:
        echo_json(notes)
    elif notes:
        here = zone(installation.settings.timezone)
        echo(table(*COLUMNS, rows=note_rows(notes, here), flexible=("what",)))
    else:
        tell("beat has done nothing yet")


def _rows(situation: Situation) -> Iterator[tuple[str, str | Text]]:
    yield "redis", f"{situation.redis_version} at {situation.redis_address}, {_KINDS[situation.redis_kind]}"
    yield from _labelled("beat", _beats(situation))
    yield from _labelled("workers", _workers(situation))
    yield from _labelled("tasks", _tasks(situation))
    yield from _labelled("running", _active(situation))
    yield from _labelled("last 24 h", iter([_outcomes(situation)]))
    yield from _labelled("next due", _due(situation))


def _labelled(label: str, lines: Iterator[str | Text]) -> Iterator[tuple[str, str | Text]]:
    for line in lines:
        yield label, line
        label = ""


def _beats(situation: Situation) -> Iterator[str | Text]:
    from rich.text import Text

    for beat in situation.beats:
        yield f"{beat['name']}{', leading' if beat['leading'] else ', standing by'}"
    if not situation.beats:
        yield Text("none: nothing fires; `mission-control up` starts one", style="yellow")


def _workers(situation: Situation) -> Iterator[str | Text]:
    from rich.text import Text

    for worker in situation.workers:
        queues = ", ".join(worker["queues"])
        yield f"{worker['name']}, {worker['concurrency']} runs at once, serving {queues}"
    if not situation.workers:
        yield Text("none: nothing runs; `mission-control up` starts one", style="yellow")


def _tasks(situation: Situation) -> Iterator[str | Text]:
    from rich.text import Text

    yield f"{situation.enabled} enabled, {situation.disabled} disabled"
    for name, problem in situation.quarantined.items():
        yield Text(f"{name} is quarantined: {problem}", style="red")
    for key, (found, needed) in situation.wrong_keys.items():
        remedy = f"look at it, then: redis-cli DEL {key}"
        yield Text(f"key {key} is a {found} and must be a {needed}; {remedy}", style="red")


def _active(situation: Situation) -> Iterator[str | Text]:
    for run in situation.active[:10]:
        since = duration(
            situation.now - (run.started_at if run.started_at is not None else run.dispatched_at)
        )
        yield f"{run.execution_id}  {run.state}, {since}"
    if not situation.active:
        yield "nothing"
    elif situation.active_count > 10:  # noqa: PLR2004  # as many as were shown
        yield f"… {situation.active_count} in all"


def _outcomes(situation: Situation) -> str | Text:
    from rich.text import Text

    from mission_control.cli.views.run_view import STYLES

    parts = [
        Text(f"{count} {state.replace('_', ' ')}", STYLES.get(state, ""))
        for state, count in situation.outcomes.items()
    ]
    return Text(", ").join(parts) if parts else "no runs"


def _due(situation: Situation) -> Iterator[str | Text]:
    for task, moment in situation.next_due:
        when = local_time(moment, task.schedule.zone)
        yield f"{when} {task.schedule.timezone}  {in_how_long(moment, situation.now):<14}  {task.id}"
    if not situation.next_due:
        yield "nothing"
