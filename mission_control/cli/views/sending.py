"""Sending a run, and waiting for its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mission_control.cli.terminal.failures import ExitCode
from mission_control.cli.terminal.output import as_text, echo, echo_json, echo_json_line, tell, tell_issues
from mission_control.cli.terminal.several import each
from mission_control.cli.terminal.wording import both_times, own_zone

if TYPE_CHECKING:
    from redis import Redis

    from mission_control.dispatch.enqueue import Dispatch, RunOptions
    from mission_control.dispatch.run_handle import Run
    from mission_control.model.runs.run_record import RunRecord


def start(
    dispatch: Dispatch,
    client: Redis,
    name: str,
    params: Mapping[str, Any] | None,
    options: RunOptions | None = None,
    idempotency_key: str | None = None,
    *,
    dry_run: bool,
) -> list[Run]:
    """Send a run, say to where, and return it; in a dry run show it, and return nothing."""
    from mission_control.audit.record.masking import masked_value
    from mission_control.dispatch.enqueue import NO_OPTIONS
    from mission_control.operate.runs import run_json
    from mission_control.operate.task_issues import issues_of_run

    options = NO_OPTIONS if options is None else options
    if dry_run:
        prepared = dispatch.prepare(name, params, options)
        marked = frozenset(prepared.secret_params if prepared.secret_params is not None else ())
        echo_json({**run_json(prepared), "params": masked_value(prepared.params, marked=marked)})
        tell("dry run: nothing was sent")
        return []
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
    return [run]


def answer(runs: Sequence[Run], *, wait: bool, timeout: float | None, as_json: bool) -> int:
    """Print the ids of runs that were sent, or after `wait` their results, and return the exit code.

    JSON is an object, for several runs one a line.
    """
    by_id = {run.execution_id: run for run in runs}
    print_json = echo_json if len(runs) == 1 else echo_json_line
    if wait:
        try:
            return each(by_id, lambda one: _result(by_id[one], timeout, print_json if as_json else None))
        except KeyboardInterrupt:
            goes_on = "the run goes on" if len(runs) == 1 else "the runs go on"
            tell(f"{goes_on}; mission-control run show {' '.join(by_id)}")
            return ExitCode.TIMED_OUT
    return each(by_id, lambda one: _sent(by_id[one], print_json if as_json else None))


def _sent(run: Run, print_json: Callable[[Any], None] | None) -> None:
    from mission_control.operate.runs import run_json

    if print_json is not None and run.record is not None:
        print_json(run_json(run.record))
    else:
        echo(run.execution_id)


def _whither(record: RunRecord) -> str:
    if record.due_at <= record.dispatched_at:
        return f" to the queue {record.queue}"
    due = both_times(record.due_at, own_zone(), own_zone(), record.dispatched_at)
    return f" to the queue {record.queue}, due {due}"


def _result(run: Run, timeout: float | None, print_json: Callable[[Any], None] | None) -> ExitCode:
    result = run.wait(timeout)
    is_success = result["status"] == "success"
    if print_json is not None:
        print_json({"execution_id": run.execution_id, **result})
    elif is_success:
        echo(as_text(result["output"]))
    else:
        tell(f"{run.execution_id} failed: {as_text(result['error'])}")
    return ExitCode.DONE if is_success else ExitCode.FAILED
