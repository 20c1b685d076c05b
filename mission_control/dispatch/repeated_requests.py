"""Requests that may share the run of an earlier one, by their idempotency key or their window."""

from __future__ import annotations

from mission_control.dispatch.run_options import bad_argument
from mission_control.dispatch.run_preparation import CheckedRequest
from mission_control.errors import InvalidTaskError
from mission_control.model.problems.suggestions import quoted


def is_of_other(one: CheckedRequest, execution_id: str) -> bool:
    """Whether a run is that of another task or handler than a request's."""
    return execution_id.rpartition("@")[0] != one.prepared.run.task_id


def run_of_key(one: CheckedRequest, said: str) -> str:
    """Return the run of an idempotency key that was used before, of which the ledger has `said` what for.

    Raises:
        InvalidTaskError: it was for another task or handler, or for other params.
    """
    first, _, asked = said.partition(" ")
    run, key = one.prepared.run, quoted(one.request.idempotency_key)
    if is_of_other(one, first):
        field = "handler" if run.task_id == run.handler else "task_id"
        what = f"idempotency_key {key} is that of run {first}; use another key for {run.task_id}"
        raise bad_argument(field, what)
    if asked != one.request.fingerprint:
        raise bad_argument(
            "params", f"idempotency_key {key} is that of run {first} with others; use another key"
        )
    return first


def window_problem(one: CheckedRequest, execution_id: str) -> InvalidTaskError:
    """Return why a debounced request cannot join the window of a run."""
    key = "" if one.request.window is None else quoted(one.request.window.key)
    if execution_id and is_of_other(one, execution_id):
        task_id = one.prepared.run.task_id
        return bad_argument(
            "debounce.key", f"{key} is that of run {execution_id}; use another key for {task_id}"
        )
    return bad_argument("debounce.key", f"too many requests at once have {key}; try again")
