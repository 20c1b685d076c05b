"""Sending a run, and waiting for its result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.output import as_text, echo, echo_json, tell, tell_issues
from mission_control.cli.terminal.own_zone import own_zone
from mission_control.cli.terminal.wording import both_times

if TYPE_CHECKING:
    from redis import Redis

    from mission_control.dispatch.enqueue import Dispatch, RunOptions
    from mission_control.dispatch.run_handle import Run
    from mission_control.model.runs.run_record import RunRecord


def send(  # noqa: PLR0913  # one parameter an option
    dispatch: Dispatch,
    client: Redis,
    name: str,
    params: Mapping[str, Any] | None,
    options: RunOptions | None = None,
    idempotency_key: str | None = None,
    *,
    wait: bool,
    timeout: float | None,
    as_json: bool,
    dry_run: bool,
) -> ExitCode:
    """Send a run, print its id or, after `wait`, its result, and return the exit code for it.

    Raises:
        RunTimeoutError: the run did not end in time.
    """
    from mission_control.audit.record.masked_values import masked_value
    from mission_control.dispatch.enqueue import NO_OPTIONS
    from mission_control.operate.runs import run_json
    from mission_control.operate.task_issues import issues_of_run

    options = NO_OPTIONS if options is None else options
    if dry_run:
        prepared = dispatch.prepare(name, params, options)
        marked = frozenset(prepared.secret_params if prepared.secret_params is not None else ())
        echo_json({**run_json(prepared), "params": masked_value(prepared.params, marked=marked)})
        tell("dry run: nothing was sent")
        return ExitCode.DONE
    run = dispatch.enqueue(name, params, options, idempotency_key=idempotency_key)
    record = run.record
    if record is not None and record.waits_for is not None:
        tell(
            f"{run.execution_id} waits until {record.waits_for} has ended; --overlap allow starts it at once"
        )
    elif not run.created:
        calls = "" if record is None or record.calls is None else f", for {record.calls} calls now"
        tell(f"{run.execution_id} was there already{calls}; nothing else was sent")
    else:
        tell(f"sent {run.execution_id}{'' if record is None else _whither(record)}")
    tell_issues([] if record is None else issues_of_run(client, record))
    if wait:
        return _result(run, timeout, as_json=as_json)
    if as_json and record is not None:
        echo_json(run_json(record))
    else:
        echo(run.execution_id)
    return ExitCode.DONE


def _whither(record: RunRecord) -> str:
    if record.due_at <= record.dispatched_at:
        return f" to the queue {record.queue}"
    due = both_times(record.due_at, own_zone(), own_zone(), record.dispatched_at)
    return f" to the queue {record.queue}, due {due}"


def _result(run: Run, timeout: float | None, *, as_json: bool) -> ExitCode:
    try:
        result = run.wait(timeout)
    except KeyboardInterrupt:
        tell(f"the run goes on; mission-control run show {run.execution_id}")
        return ExitCode.TIMED_OUT
    is_success = result["status"] == "success"
    if as_json:
        echo_json({"execution_id": run.execution_id, **result})
    elif is_success:
        echo(as_text(result["output"]))
    else:
        tell(f"{run.execution_id} failed: {as_text(result['error'])}")
    return ExitCode.DONE if is_success else ExitCode.FAILED
