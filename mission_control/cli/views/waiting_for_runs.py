"""Waiting for a run that was asked for, and telling what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.output import as_text, echo, echo_json, tell
from mission_control.operate.run_json import run_json

if TYPE_CHECKING:
    from mission_control.dispatch.run_handle import Run
    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord


def announce(installation: Installation, run: Run) -> None:
    """Say on stderr what was sent, and whether anybody is there to run it."""
    record = run.record
    queue = "" if record is None else f" to the queue {record.queue}"
    tell(f"sent {run.execution_id}{queue}")
    if record is not None and not _is_served(installation, record.queue):
        tell(f"no worker serves the queue {record.queue}; start one with `mission-control up`")


def show_sent(run: Run, *, as_json: bool) -> None:
    """Print the id of a run that nobody waits for, or the run as JSON."""
    record = run.record
    if as_json and record is not None:
        echo_json(run_json(record))
    else:
        echo(run.execution_id)


def show_result(run: Run, timeout: float | None, *, as_json: bool) -> ExitCode:
    """Wait for a run, print its result, and return the exit code for it.

    Raises:
        RunTimeoutError: it was not over in time.
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
    values: dict[str, Any] = run_json(run)
    echo_json({**values, "params": run.params})
    tell("dry run: nothing was sent")


def _is_served(installation: Installation, queue: str) -> bool:
    from mission_control.processes.heartbeats import live_processes

    alive = live_processes(installation.client)
    return any(queue in one.info.get("queues", ()) for one in alive if one.kind == "worker")
