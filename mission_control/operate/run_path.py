"""The way of a run through its states, each with when it came and the evidence for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.quantities import duration


@dataclass(frozen=True)
class Step:
    """A state that a run was in from a moment on, and what says so; `at` is None if that is not known."""

    state: str
    at: datetime | None
    evidence: str


def run_path(run: RunRecord) -> list[Step]:
    """Return the steps that the ledger knows of a run, in order; of several attempts the last."""
    return list(_steps(run))


def _steps(run: RunRecord) -> Iterator[Step]:
    moved = "" if run.moved_to is None else f", moved from {run.scheduled_time:%Y-%m-%d %H:%M:%S} UTC"
    yield Step("due", run.due_at, f"by {run.trigger}{moved}")
    never_sent = run.state.is_final and run.attempt == 0 and run.started_at is None
    if not never_sent or run.state == "cancelled":
        late = run.dispatched_at - run.due_at
        words = f", {duration(late)} after it was due" if late.total_seconds() > 0 else ""
        yield Step("dispatched", run.dispatched_at, f"to queue {run.queue}, priority {run.priority}{words}")
    if run.released_at is not None:
        yield Step("released", run.released_at, "it was parked until then")
    if run.started_at is not None:
        tries = f"attempt {run.attempt}"
        waited = run.started_at - max(run.dispatched_at, run.due_at)
        words = (
            f", {duration(waited)} after it was sent"
            if run.attempt == 1 and waited.total_seconds() > 0
            else ""
        )
        yield Step("running", run.started_at, f"{tries} by {run.worker}{words}")
    if run.state.is_final:
        took = "" if run.duration_ms is None else f"after {run.duration_ms / 1_000:g} s"
        yield Step(str(run.state), run.finished_at, ", ".join(filter(None, (took, run.reason))))
    elif run.state not in {"dispatched", "running"}:
        yield Step(str(run.state), run.retry_at, "its next attempt begins then" if run.retry_at else "")
