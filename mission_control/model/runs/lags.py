"""How late a run began, by stage: until it was fired, while its message was parked, and in the queue."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, get_args

from mission_control.model.runs.run_record import RunRecord, Trigger
from mission_control.model.runs.run_state import RunState

Stage = Literal["beat", "queue", "start"]
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
"""Until beat fired, in the queue, and all until the handler began."""

_ZERO: Final = timedelta(0)
_MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Lags:
    """What delayed a first attempt, none negative: its spread, beat or its producer, parking, the queue."""

    spread: timedelta
    fired: timedelta
    parked: timedelta
    queued: timedelta
    start: timedelta
    """By how much the handler began late; the spread is on purpose."""


def lags(run: RunRecord) -> Lags:
    """Return what delayed the first attempt of a run; one that did not begin was not in the queue."""
    spread = timedelta(seconds=run.spread_seconds or 0)
    fires_at, started = run.due_at + spread, run.started_at or run.dispatched_at
    entered = max(run.dispatched_at, min(fires_at, started))
    sent = entered if run.released_at is None else run.released_at
    parts = entered - fires_at, sent - entered, started - sent, started - fires_at
    return Lags(spread, *(max(one, _ZERO) for one in parts))


def lags_to_count(run: RunRecord) -> dict[Stage, int]:
    """Return the lags in ms, by stage, that the ending of an attempt has for metrics.

    Each run that began has them once, with the end of its first attempt; if a worker was lost, the attempt
    began when the last one took it. Backfills, which are late on purpose, and messages of plain Celery
    clients, for which nothing is due, have none. Only what beat fires has the stage `beat`.
    """
    is_first_end = run.state is RunState.RETRYING or (run.state.is_final and run.retry_at is None)
    if run.started_at is None or run.attempt != 1 or not is_first_end:
        return {}
    if run.trigger is Trigger.PLAIN or run.backfill is not None:
        return {}
    found = lags(run)
    beat: dict[Stage, int] = {} if run.trigger is Trigger.MANUAL else {"beat": found.fired // _MS}
    return {**beat, "queue": found.queued // _MS, "start": found.start // _MS}
