"""The finished runs of a period, task by task, and what they come to."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Final

from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mission_control.model.runs.run_record import RunRecord

NOT_FIRED_OR_TOO_LATE: Final = frozenset({RunState.MISSED, RunState.EXPIRED})
LEFT_OUT: Final = frozenset({RunState.SKIPPED, RunState.CANCELLED})


@dataclass(frozen=True)
class TaskRuns:
    """The runs of one task that ended in a period, the earliest first.

    `ran` are those that came to success or failure. Durations are those of the last attempt; lateness is
    known of runs that needed only one.
    """

    task_id: str
    runs: tuple[RunRecord, ...] = ()

    @property
    def succeeded(self) -> list[RunRecord]:
        """The runs that did their work."""
        return self._in({RunState.SUCCESS})

    @property
    def failed(self) -> list[RunRecord]:
        """The runs that failed for good, timed out or were lost."""
        return self._in(RAN_AND_FAILED)

    @property
    def ran(self) -> list[RunRecord]:
        """The runs that count in the task's history."""
        return self._in({RunState.SUCCESS, *RAN_AND_FAILED})

    @property
    def missed(self) -> list[RunRecord]:
        """The occurrences that nobody fired, and the runs that did not start in time."""
        return self._in(NOT_FIRED_OR_TOO_LATE)

    @property
    def left_out(self) -> list[RunRecord]:
        """The occurrences that were skipped, and the runs that were cancelled."""
        return self._in(LEFT_OUT)

    @property
    def retries(self) -> int:
        """How many attempts came on top of the first ones."""
        return sum(max(run.attempt - 1, 0) for run in self.ran)

    @property
    def durations_ms(self) -> list[int]:
        """How long the runs took."""
        return [run.duration_ms for run in self.ran if run.duration_ms is not None]

    @property
    def latenesses_ms(self) -> list[float]:
        """How long after their time the runs started."""
        first_attempts = ((run.started_at, run.scheduled_time) for run in self.ran if run.attempt == 1)
        return [
            max(started_at - due, timedelta()) / timedelta(milliseconds=1)
            for started_at, due in first_attempts
            if started_at is not None
        ]

    @property
    def success_after_last_failure(self) -> RunRecord | None:
        """The first success after the last failure, or None while the failure stands."""
        last_failure = max(
            (at for at, run in enumerate(self.runs) if run.state in RAN_AND_FAILED), default=-1
        )
        later = self.runs[last_failure + 1 :]
        return next((run for run in later if run.state is RunState.SUCCESS), None)

    def _in(self, states: Iterable[RunState]) -> list[RunRecord]:
        wanted = frozenset(states)
        return [run for run in self.runs if run.state in wanted]


def by_task(runs: Iterable[RunRecord]) -> list[TaskRuns]:
    """Sort the runs by task; tasks in the order of their ids."""
    found: defaultdict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        found[run.task_id].append(run)
    return [TaskRuns(task_id, tuple(found[task_id])) for task_id in sorted(found)]


def reasons(runs: Iterable[RunRecord]) -> list[tuple[str, int]]:
    """Return why runs did not succeed, the most frequent first; errors are told apart by their first line."""
    return Counter(_reason(run) for run in runs).most_common()


def median_of(values: list[int] | list[float]) -> float | None:
    """Return the median, or None of nothing."""
    return median(values) if values else None


def _reason(run: RunRecord) -> str:
    said = run.error if run.error is not None else run.reason
    lines = (said if said is not None else "").strip().splitlines()
    return lines[0] if lines else str(run.state).replace("_", " ")
