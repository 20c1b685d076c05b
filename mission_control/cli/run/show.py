"""`mission-control run show`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import as_text, echo, echo_json, facts, lines_of, tell
from mission_control.cli.terminal.own_zone import own_zone
from mission_control.cli.terminal.several import each
from mission_control.cli.terminal.watching import watchable
from mission_control.cli.terminal.wording import in_own_time, labelled_time
from mission_control.cli.views.eta_view import eta_json, eta_words
from mission_control.cli.views.log_view import log_lines
from mission_control.cli.views.run_view import passed_deadlines, waiting_words

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

_SHOWN_LINES: Final = 30


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
    from mission_control.operate.limits import waits_in_words

    here = own_zone()
    echo(facts(_rows(run, here)))
    since = waiting_since(installation.client, run)
    if since is not None:
        tell(f"waits for a worker that has {run.handler}, since {labelled_time(since, here)}")
    if run.waits_for is not None:
        tell(waiting_words(run, installation.ledger.get(run.waits_for), here))
    if run.limited_by is not None:
        limit = installation.limits.all().get(run.limited_by)
        tell(in_own_time(waits_in_words(installation.client, run, limit, installation.clock()), here))
    lines = RunLogs(installation.client, installation.run_logs).lines(run.execution_id)
    if lines:
        echo("", *log_lines(lines[-_SHOWN_LINES:], here))


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
