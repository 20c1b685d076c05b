"""The finished runs of a period, task by task, sorted by how they ended."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState

_RAN: Final = frozenset({RunState.SUCCESS, *RAN_AND_FAILED})
_MISSED: Final = frozenset({RunState.MISSED, RunState.EXPIRED})
# "params: 2 problems", "1 validation error for Order": the lines that follow say which.
_COUNT_OF_PROBLEMS = re.compile(r"\b\d+ (validation )?(problem|error|failure|exception)s?\b|:$")


class TaskRuns:
    """The runs of one task that ended in a period, earliest first; every run is in one of the groups.

    Durations are those of the last attempt. Lateness is known only of runs that needed one attempt.
    """

    def __init__(self, task_id: str, runs: Collection[RunRecord] = ()) -> None:
        self.task_id = task_id
        self.ran = [run for run in runs if run.state in _RAN]
        self.succeeded = [run for run in self.ran if run.state is RunState.SUCCESS]
        self.failed = [run for run in self.ran if run.state is not RunState.SUCCESS]
        self.missed = [run for run in runs if run.state in _MISSED]
        self.skipped = [run for run in runs if run.state is RunState.SKIPPED]
        self.cancelled = [run for run in runs if run.state is RunState.CANCELLED]
        self.retries = sum(max(run.attempt - 1, 0) for run in self.ran)
        self.durations_ms = [run.duration_ms for run in self.ran if run.duration_ms is not None]
        self.work_ms = sum(self.durations_ms)
        self.latenesses_ms = [
            max(run.started_at - run.due_at, timedelta()) / timedelta(milliseconds=1)
            for run in self.ran
            if run.attempt == 1 and run.started_at is not None
        ]

    @property
    def success_after_last_failure(self) -> RunRecord | None:
        """The first success after the last failure, or None if there is none."""
        failures = [at for at, run in enumerate(self.ran) if run.state is not RunState.SUCCESS]
        last_failure = failures[-1] if failures else -1
        return next(iter(self.ran[last_failure + 1 :]), None)


def by_task(runs: Iterable[RunRecord]) -> list[TaskRuns]:
    """Group the runs by task, sorted by task id."""
    found: defaultdict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        found[run.task_id].append(run)
    return [TaskRuns(task_id, found[task_id]) for task_id in sorted(found)]


def busiest_day(runs: Iterable[RunRecord], zone: ZoneInfo) -> tuple[date, int] | None:
    """Return the local day on which most runs started, with their number."""
    days = Counter(run.started_at.astimezone(zone).date() for run in runs if run.started_at is not None)
    return next(iter(days.most_common(1)), None)


def reasons(runs: Iterable[RunRecord]) -> list[tuple[str, int]]:
    """Return why runs did not succeed, most frequent first.

    The reason is the first line of the error; if that line only counts problems, the problems follow it.
    """
    return Counter(_reason(run) for run in runs).most_common()


def _reason(run: RunRecord) -> str:
    if run.cause is not None and run.cause["class"] == "budget":
        return f"over budget {run.cause['layer']}"  # the amounts differ from run to run
    error = run.error if run.error is not None else run.reason
    first, *others = (error if error is not None else "").strip().splitlines() or [
        run.state.replace("_", " ")
    ]
    if not others or _COUNT_OF_PROBLEMS.search(first) is None:
        return first
    return f"{first.rstrip(':')}: {'; '.join(line.strip() for line in others if line.strip())}"
