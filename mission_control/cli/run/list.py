"""`mission-control run list`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.filters import run_filters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, table, tell
from mission_control.cli.terminal.own_zone import own_zone
from mission_control.cli.terminal.short_names import ShortNames
from mission_control.cli.terminal.watching import watchable
from mission_control.cli.terminal.wording import in_how_long, local_time, span_ms
from mission_control.cli.views.run_view import outcome, passed_deadlines, result_text
from mission_control.model.values.quantities import counted

if TYPE_CHECKING:
    from mission_control.cli.terminal.tables import Cell
    from mission_control.model.runs.run_record import RunRecord
    from mission_control.operate.filters import Filter

_COLUMNS: Final = (
    Column("state", Worth.KEY),
    Column("attempt", Worth.LOW, right=True),
    Column("since"),
    Column("output", Worth.KEY, least=24),
    *(Column(name, Worth.WIDE) for name in ("scheduled", "took", "trigger", "queue", "handler", "worker")),
)


@click.command("list", epilog="Example: mission-control run list --status failed --since yesterday")
@parameters.only_task
@run_filters
@click.option("--all", "with_ended", is_flag=True, help="Show ended runs too, latest first.")
@click.option("-n", "limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many runs.")
@watchable
@parameters.as_json
@click.pass_context
def list_runs(
    context: click.Context, task_id: str | None, wanted: Filter, with_ended: bool, limit: int, as_json: bool
) -> None:
    """List the runs that are waiting, running, or due for a retry.

    -q, --since, or a --status such as failed, lists ended runs too.
    """
    from mission_control.model.filters.query import term_of
    from mission_control.operate.runs import run_json, selected_runs
    from mission_control.operate.tasks import task_id_of

    with_ended = with_ended or context.params["query"] is not None
    with current() as installation:
        registry, ledger = installation.registry, installation.ledger
        if task_id is not None:
            named = term_of("run", "task", [task_id_of(registry, task_id)])
            wanted.query = wanted.query.and_([named])
        runs = list(selected_runs(ledger, registry, wanted, with_ended=with_ended, limit=limit))
        if as_json:
            echo_json([run_json(run) for run in runs])
        elif runs:
            now, name = installation.clock(), Column("run", Worth.KEY, names=ShortNames(ledger.ids))
            echo(table(name, *_COLUMNS, rows=[_row(run, now) for run in runs]))
        elif not wanted:
            tell("no runs" if with_ended else "no run is waiting or running")
        if wanted and not runs:
            tell(wanted.none_found())


def _row(run: RunRecord, now: datetime) -> tuple[Cell, ...]:
    if run.limited_by is not None:
        until = "" if run.limited_until is None else f" {in_how_long(run.limited_until, now)}"
        when = f"limit {run.limited_by}{until}"
    elif run.retry_at is not None and run.retry_at > now:
        when = f"next attempt {in_how_long(run.retry_at, now)}"
    elif run.attempt == 0 and run.due_at > now:
        calls = "" if run.calls is None else f", {counted(run.calls, 'call')}"
        when = f"due {in_how_long(run.due_at, now)}{calls}"
    else:
        times = (run.finished_at, run.started_at, run.dispatched_at)
        when = in_how_long(next(one for one in times if one is not None), now)
    attempt = str(run.attempt) if run.attempt else ""
    result = result_text(run.output, run.error, run.reason)
    state = outcome(run.state, is_late=bool(passed_deadlines(run)))
    return (run.execution_id, state, attempt, when, result, *_more(run))


def _more(run: RunRecord) -> tuple[str, ...]:
    scheduled, worker = local_time(run.scheduled_time, own_zone()), run.worker
    facts = (scheduled, span_ms(run.duration_ms), run.trigger, run.queue, run.handler)
    return (*facts, worker if worker is not None else "")
