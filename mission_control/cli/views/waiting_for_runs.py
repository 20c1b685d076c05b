"""Showing a run that was sent, and waiting for its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.output import as_text, echo, echo_json, tell

if TYPE_CHECKING:
    from redis import Redis

    from mission_control.dispatch.run_handle import Run
    from mission_control.model.runs.run_record import RunRecord


def announce(client: Redis, run: Run) -> None:
    """Say on stderr what was sent, and warn if no worker serves its queue."""
    from mission_control.operate.situation import is_served

    record = run.record
    queue = "" if record is None else f" to the queue {record.queue}"
    tell(f"sent {run.execution_id}{queue}")
    if record is not None and not is_served(client, record.queue):
        tell(f"no worker serves the queue {record.queue}; start one with `mission-control up`")


def show_sent(run: Run, *, as_json: bool) -> ExitCode:
    """Print a run's id, or the run as JSON."""
    from mission_control.operate.runs import run_json

    record = run.record
    if as_json and record is not None:
        echo_json(run_json(record))
    else:
        echo(run.execution_id)
    return ExitCode.DONE


def show_result(run: Run, timeout: float | None, *, as_json: bool) -> ExitCode:
    """Wait for a run, print its result, and return the exit code for it.

    Raises:
        RunTimeoutError: the run did not end in time.
    """
    result = run.wait(timeout)
    if as_json:
        echo_json({"execution_id": run.execution_id, **result})
    elif result["status"] == "success":
        echo(as_text(result["output"]))
    else:
        tell(f"{run.execution_id} failed: {as_text(result['error'])}")
    return ExitCode.DONE if result["status"] == "success" else ExitCode.FAILED


def show_prepared(run: RunRecord) -> None:
    """Print a run that would be sent."""
    from mission_control.operate.runs import run_json

    echo_json({**run_json(run), "params": run.params})
    tell("dry run: nothing was sent")
