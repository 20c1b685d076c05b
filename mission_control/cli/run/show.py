"""`mission-control run list`, `run show` and `run logs`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.filters import run_filters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, ShortNames, Worth
from mission_control.cli.terminal.output import (
    as_text,
    echo,
    echo_json,
    echo_json_line,
    facts,
    lines_of,
    table,
    tell,
)
from mission_control.cli.terminal.parameters import execution_id as of_run
from mission_control.cli.terminal.several import each
from mission_control.cli.terminal.watching import watchable
from mission_control.cli.terminal.wording import (
    in_how_long,
    in_own_time,
    labelled_time,
    local_time,
    own_zone,
)
from mission_control.cli.views.eta_view import eta_json, eta_words
from mission_control.cli.views.run_view import outcome, passed_deadlines, result_text
from mission_control.model.values.quantities import counted, span_ms

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from rich.text import Text

    from mission_control.cli.terminal.tables import Cell
    from mission_control.dispatch.run_logs import LogLine
    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord
    from mission_control.operate.filters import Filter

_SHOWN_LINES: Final = 30
_STYLES: Final = {"err": "yellow", "traceback": "red"}


@click.command()
@parameters.execution_ids
@watchable
@parameters.as_json
def show(execution_ids: tuple[str, ...], as_json: bool) -> int:
    """Show runs in full, with the last lines of their logs, but without params, which may hold secrets.

    Of a run that waits, it says when it is expected to start. --json prints an object, for several runs an
    array. Exit code 7: there are not all of them.
    """
    from mission_control.dispatch.run_control import existing_run
    from mission_control.operate.assembly import eta_of
    from mission_control.operate.runs import run_json

    with current() as installation:
        found = list[dict[str, Any]]()

        def show_one(execution_id: str) -> None:
            run = existing_run(installation.ledger, execution_id)
            if found and not as_json:
                echo("")
            now = installation.clock()
            expected = eta_of(installation).of_runs([run], now)
            found.append(
                {**run_json(run), **({"eta": eta_json(expected)[run.execution_id]} if expected else {})}
            )
            if not as_json:
                _show(installation, run)
                for one in expected.values():
                    tell(eta_words(one, now, own_zone()))

        code = each(execution_ids, show_one)
        if as_json and found:
            echo_json(found[0] if len(execution_ids) == 1 else found)
    return code


def _show(installation: Installation, run: RunRecord) -> None:
    from mission_control.dispatch.run_logs import RunLogs
    from mission_control.dispatch.waiting_runs import waiting_since

    here = own_zone()
    echo(facts(_rows(run, here)))
    if (since := waiting_since(installation.client, run)) is not None:
        tell(f"waits for a worker that has {run.handler}, since {labelled_time(since, here)}")
    if not run.state.is_final and (words := _waits(installation, run)) is not None:
        tell(in_own_time(words, here))
    if lines := RunLogs(installation.client, installation.run_logs).lines(run.execution_id):
        echo("", *log_lines(lines[-_SHOWN_LINES:], here))


def _waits(installation: Installation, run: RunRecord) -> str | None:
    from mission_control.operate.limits import waits_in_words
    from mission_control.operate.why.run_checks import waits

    now, limit = installation.clock(), installation.limits.all().get(run.limited_by or "")
    limited = waits_in_words(installation.client, run, limit, now) if run.limited_by else None
    found = installation.ledger.get_all(filter(None, [run.waits_for]))
    return waits(run, now, {one.execution_id: one for one in found}, limited)


def _rows(run: RunRecord, here: ZoneInfo) -> Iterator[tuple[str, str]]:
    from mission_control.operate.runs import run_json

    for name in run_json(run):
        value: Any = ", ".join(passed_deadlines(run)) or None if name == "late" else getattr(run, name, None)
        if value is None or value == {}:
            continue
        yield name.replace("_", " "), _shown(value, here)


def _shown(value: Any, here: ZoneInfo) -> str:  # noqa: ANN401  # any field of a run
    if isinstance(value, datetime):
        return labelled_time(value, here)
    return lines_of(value) if isinstance(value, str) else as_text(value)


@click.command()
@of_run
@click.option("--follow", "-f", "is_following", is_flag=True, help="Show new lines too, until the run ends.")
@parameters.as_json
def logs(execution_id: str, is_following: bool, as_json: bool) -> None:
    """Show what a run's handler printed and logged, and its tracebacks.

    --json prints an array of lines; with --follow, one object a line.
    """
    from mission_control.dispatch.run_control import existing_run
    from mission_control.dispatch.run_logs import RunLogs

    with current() as installation:
        kept, here = RunLogs(installation.client, installation.run_logs), own_zone()
        found = kept.lines(execution_id)
        if not found:
            execution_id = existing_run(installation.ledger, execution_id).execution_id
            found = kept.lines(execution_id)
        if is_following:
            before = None
            for line in kept.follow(installation.ledger, execution_id):
                echo_json_line(_json(line)) if as_json else echo(*log_lines([line], here, after=before))
                before = line
        elif as_json:
            echo_json([_json(line) for line in found])
        else:
            echo(*log_lines(found, here)) if found else tell("its handler has printed and logged nothing")


def _json(line: LogLine) -> dict[str, Any]:
    from mission_control.model.values.instants import format_instant

    return {**vars(line), "at": format_instant(line.at)}


def log_lines(lines: Sequence[LogLine], zone: tzinfo, *, after: LogLine | None = None) -> Iterator[Text]:
    """Yield the lines, with a heading where another attempt begins and a mark where lines were dropped."""
    from rich.text import Text

    for line in lines:
        is_new = after is None or after.attempt != line.attempt
        if is_new:
            yield Text(f"attempt {line.attempt} ({zone})", style="bold")
        dropped = line.number - (1 if is_new or after is None else after.number + 1)
        if dropped > 0:
            yield Text(f"… {dropped} lines before are not kept", style="dim")
        time = local_time(line.at.replace(microsecond=0), zone)[11:]
        yield Text.assemble((f"{time}  ", "dim"), (lines_of(line.text), _STYLES.get(line.stream, "")))
        after = line


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
            more = "" if wanted.with_ended else "\nended runs were not looked at; --all does"
            tell(wanted.none_found() + more)


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
