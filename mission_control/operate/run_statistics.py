"""How runs went in a stretch of time: success, durations, lateness, causes, and what revisions changed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from mission_control.ledger.run_reader import RunReader
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState
from mission_control.operate.attention import cause_of
from mission_control.operate.runs import lateness_ms
from mission_control.operate.simulation.tally import rank

MOST_RUNS: Final = 2_000
_BUCKETS: Final = 24
_LEAST: Final = 5
_CHANGED: Final = 1.5


@dataclass(frozen=True)
class Bucket:
    """Runs that ended in one part of the stretch: durations and lateness in milliseconds, 50 % and 95 %."""

    at: datetime
    count: int
    took: tuple[float, float]
    late: tuple[float, float]


@dataclass(frozen=True)
class ChangePoint:
    """A revision of a task with which half of its runs took clearly longer, or less long, in milliseconds."""

    task_id: str
    revision: int
    at: datetime
    before: float
    after: float


@dataclass(frozen=True)
class RunStatistics:
    """The runs of a stretch; `is_cut`: there were more, and the latest are looked at, since `since`."""

    since: datetime
    count: int
    is_cut: bool
    states: dict[str, int]
    retries: int
    buckets: list[Bucket]
    causes: list[tuple[str, int]]
    changes: list[ChangePoint]

    @property
    def success(self) -> float | None:
        """The share of runs that succeeded of those that ran; None if none did."""
        ran = sum(self.states.get(one, 0) for one in (RunState.SUCCESS, *RAN_AND_FAILED))
        return self.states.get(RunState.SUCCESS, 0) / ran if ran else None


def run_statistics(ledger: RunReader, since: datetime, *, task_id: str | None = None) -> RunStatistics:
    """Return how runs of all tasks, or of one, went that ended since then; of very many the latest."""
    ids = ledger.ended_ids(task_id=task_id, since=since, limit=MOST_RUNS)
    ended = (run for run in ledger.get_all(ids) if run.finished_at is not None and run.finished_at >= since)
    return statistics_of(sorted(ended, key=_ended_at), since, is_cut=len(ids) == MOST_RUNS)


def statistics_of(runs: Sequence[RunRecord], since: datetime, *, is_cut: bool) -> RunStatistics:
    """Return how some ended runs went, the earliest first."""
    begin = max(since, _ended_at(runs[0])) if runs and is_cut else since
    end = _ended_at(runs[-1]) if runs else since
    failed = (run for run in runs if run.state in RAN_AND_FAILED)
    causes = Counter(cause_of(run.state, run.error, run.reason, run.cause) for run in failed)
    return RunStatistics(
        begin,
        len(runs),
        is_cut,
        dict(Counter(str(run.state) for run in runs)),
        sum(max(0, run.attempt - 1) for run in runs),
        list(_buckets(runs, begin, (end - begin) / _BUCKETS)),
        causes.most_common(10),
        list(change_points(runs)),
    )


def _ended_at(run: RunRecord) -> datetime:
    return run.finished_at if run.finished_at is not None else run.dispatched_at


def _buckets(runs: Iterable[RunRecord], begin: datetime, width: timedelta) -> Iterator[Bucket]:
    parts = defaultdict[int, list[RunRecord]](list)
    for run in runs:
        if run.duration_ms is not None:
            at = int((_ended_at(run) - begin) / width) if width else 0
            parts[min(at, _BUCKETS - 1)].append(run)
    for at, some in sorted(parts.items()):
        took = sorted(run.duration_ms or 0 for run in some)
        late = sorted(max(0, lateness_ms(run) or 0) for run in some)
        shares = ((rank(one, 0.5), rank(one, 0.95)) for one in (took, late))
        yield Bucket((begin + at * width).astimezone(UTC), len(some), *shares)


def change_points(runs: Iterable[RunRecord]) -> Iterator[ChangePoint]:
    """Yield revisions with which the usual duration of a task changed by half or more, by enough runs."""
    parts = defaultdict[str, dict[int, list[RunRecord]]](dict)
    for run in runs:
        if run.state is RunState.SUCCESS and run.revision is not None and run.duration_ms is not None:
            parts[run.task_id].setdefault(run.revision, []).append(run)
    for task_id, revisions in parts.items():
        for (_, old), (number, new) in pairwise(sorted(revisions.items())):
            if min(len(old), len(new)) >= _LEAST:
                before, after = (median(run.duration_ms or 0 for run in some) for some in (old, new))
                if max(before, after, 1) / max(min(before, after), 1) >= _CHANGED:
                    yield ChangePoint(task_id, number, _ended_at(new[0]), before, after)
