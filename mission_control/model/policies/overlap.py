"""Overlap: what an occurrence or a request does that falls due while an earlier run of its task is active.

And debounce: many requests within a short time become one run.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Literal

OverlapPolicy = Literal["skip", "queue", "queue_latest", "allow", "replace"]
Edge = Literal["trailing", "leading"]


class Predecessor(StrEnum):
    """The earlier run of the task; all but `NONE` are active, and active runs are treated alike."""

    NONE = "none"
    QUEUED = "queued"
    RUNNING = "running"
    RETRY_WAIT = "retry-wait"
    CANCELLING = "cancelling"
    LOST = "lost"  # its worker is gone, and its attempt begins again


class Source(StrEnum):
    """What asks for the run. A backlog that misfire policy `all` catches up counts as a backfill."""

    TIMETABLE = "timetable"
    MANUAL = "manual"
    BACKFILL = "backfill"
    AFTER = "after"


class Verdict(StrEnum):
    """What becomes of the run; the scripts know these words."""

    START = "start"
    SKIP = "skip"
    WAIT = "wait"
    TAKE_PLACE = "take_place"  # wait, and skip the occurrence that waits already
    REPLACE = "replace"  # ask the earlier run to end, and wait for that


def decide_overlap(  # one parameter for each thing that matters
    policy: OverlapPolicy,
    predecessor: Predecessor,
    source: Source,
    *,
    waiting: int = 0,
    queue_limit: int = 1,
) -> Verdict:
    """Decide about a run that falls due while `predecessor` is active and `waiting` occurrences wait.

    A manual run is never skipped, and never asks another to end. A backfill is neither blocked nor in
    the way.

    >>> decide_overlap("queue", Predecessor.RUNNING, Source.TIMETABLE)
    <Verdict.WAIT: 'wait'>
    >>> decide_overlap("queue", Predecessor.RUNNING, Source.TIMETABLE, waiting=1)
    <Verdict.SKIP: 'skip'>
    """
    if predecessor is Predecessor.NONE or source is Source.BACKFILL or policy == "allow":
        return Verdict.START
    if source is Source.MANUAL:
        return Verdict.WAIT
    match policy:
        case "queue":
            return Verdict.WAIT if waiting < queue_limit else Verdict.SKIP
        case "queue_latest":
            return Verdict.TAKE_PLACE if waiting > 0 else Verdict.WAIT
        case "replace":
            return Verdict.REPLACE
        case "skip":
            return Verdict.SKIP


@dataclass(frozen=True, slots=True)
class OverlapPlan:
    """The decision about an occurrence as beat's script takes it, which alone sees the earlier runs.

    `blocked` holds while a run is active, `full` if as many as `limit` occurrences wait as well.
    """

    blocked: Verdict
    full: Verdict
    limit: int


@lru_cache(maxsize=64)
def plan_of(policy: OverlapPolicy, queue_limit: int) -> OverlapPlan:
    """Return the plan for a task's occurrences."""
    limit = queue_limit if policy == "queue" else 1

    def decided(waiting: int) -> Verdict:
        return decide_overlap(
            policy, Predecessor.RUNNING, Source.TIMETABLE, waiting=waiting, queue_limit=limit
        )

    return OverlapPlan(decided(0), decided(limit), limit)


@dataclass(frozen=True)
class Debounce:
    """How requests with the same key are debounced.

    A window opens with the first request. It ends `delay` after the last one, and at the latest `max_delay`
    after the first. On the trailing edge the run is that of the last request, and starts as the window
    ends; on the leading edge it is that of the first, and starts as the window opens.
    """

    key: str
    delay: timedelta
    max_delay: timedelta
    edge: Edge = "trailing"

    def ends_at(self, now: datetime, first: datetime) -> datetime:
        """Return when the window ends whose first request was at `first`, with a request `now`.

        >>> debounce = Debounce("tea", timedelta(seconds=10), timedelta(seconds=25))
        >>> noon = datetime(2026, 3, 1, 12)
        >>> [debounce.ends_at(noon + timedelta(seconds=at), noon).second for at in (0, 9, 18)]
        [10, 19, 25]
        """
        return min(now + self.delay, first + self.max_delay)
