"""`mission-control enqueue`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current, unknown_task
from mission_control.cli.views.waiting_for_runs import announce, show_prepared, show_result, show_sent
from mission_control.errors import UnknownTaskError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mission_control.cli.terminal.exit_codes import ExitCode
    from mission_control.installation.installation import Installation


@click.command()
@click.argument("task_id_or_handler")
@click.option("--params", type=parameters.PARAMS, metavar="JSON", help="Laid over the task's own params.")
@click.option(
    "--at", type=parameters.MOMENT, metavar="ISO", help="When it is due; without an offset, local time."
)
@click.option("--delay", type=click.FloatRange(min=0), metavar="SECONDS", help="In how long it is due.")
@click.option("--queue", help="Instead of the task's own queue.")
@click.option("--priority", type=click.IntRange(0, 9), metavar="0-9", help="0 is first.")
@click.option(
    "--idempotency-key", help="A second call with the same key sends nothing and gives the first run."
)
@parameters.wait
@parameters.timeout
@parameters.as_json
@parameters.dry_run
def enqueue(  # noqa: PLR0913, PLR0917  # one parameter an option
    task_id_or_handler: str,
    params: dict[str, Any] | None,
    at: datetime | None,
    delay: float | None,
    queue: str | None,
    priority: int | None,
    idempotency_key: str | None,
    wait: bool,
    timeout: float | None,
    as_json: bool,
    dry_run: bool,
) -> ExitCode | None:
    """Have a task, or a bare handler, run once outside any schedule.

    Prints the run's id, or with --wait its result; a failed run is exit code 1.
    """
    from mission_control.dispatch.enqueue import Dispatch, RunOptions

    with current() as installation, _suggestions(installation, task_id_or_handler):
        due = _aware(at, installation.settings.timezone)
        options = RunOptions(at=due, delay=delay, queue=queue, priority=priority)
        dispatch = Dispatch.of(installation)
        if dry_run:
            show_prepared(dispatch.prepare(task_id_or_handler, params, options))
            return None
        run = dispatch.enqueue(task_id_or_handler, params, options, idempotency_key=idempotency_key)
        announce(installation, run)
        if wait:
            return show_result(run, timeout, as_json=as_json)
        show_sent(run, as_json=as_json)
    return None


@contextmanager
def _suggestions(installation: Installation, task_id: str) -> Iterator[None]:
    try:
        yield
    except UnknownTaskError as error:
        raise unknown_task(installation, task_id) from error


def _aware(at: datetime | None, timezone: str) -> datetime | None:
    """Return a local time as an instant, as schedules in the installation's zone would mean it."""
    from mission_control.model.definitions.schedules.clock.wall_clock import earliest
    from mission_control.model.values.zones import zone

    if at is None or at.tzinfo is not None:
        return at
    return earliest(at, zone(timezone))
