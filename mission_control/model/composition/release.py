"""What becomes of one run of a task that comes after others, by the ends of the runs that it comes after."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from mission_control.model.composition.graph import joined_of
from mission_control.model.composition.joining import (
    EndClass,
    Join,
    Release,
    decide_join,
    end_class,
    matches,
    root_cause,
)
from mission_control.model.definitions.task_parts import Dependency
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import downstream_execution_id, task_of_run


@dataclass(frozen=True, slots=True)
class UpstreamRun:
    """A run that others come after; `ended_as` is None while it is not over. `root` is where it began.

    `backfill` is the backfill that it belongs to, or that its root does.
    """

    execution_id: str
    state: RunState
    finished_at: datetime | None
    cause: Mapping[str, str] | None
    root: str
    backfill: str | None = None

    @property
    def task_id(self) -> str:
        """The task that it is a run of."""
        return task_of_run(self.execution_id)

    @property
    def ended_as(self) -> EndClass | None:
        """The class of its end."""
        return end_class(self.state)


@dataclass(frozen=True, slots=True)
class Never:
    """Why an upstream run never comes: its id, and the `outcome` of its task, such as `disabled`."""

    run: str
    outcome: Literal["disabled", "removed", "passed over"]

    @property
    def words(self) -> str:
        """The same in words."""
        was = (
            "was passed over as it was defined then"
            if self.outcome == "passed over"
            else f"is {self.outcome}"
        )
        return f"task {task_of_run(self.run)} {was}"


@dataclass(frozen=True, slots=True)
class Released:
    """The decision: `at` is when it fell, and `upstream` are the runs that it came from.

    `cause` and `reason` say why the run is skipped. `look_again` is when one that waits can no longer start,
    None if only another end decides.
    """

    verdict: Release
    at: datetime | None = None
    upstream: tuple[str, ...] = ()
    cause: Cause | None = None
    reason: str | None = None
    look_again: datetime | None = None


WAITS = Released(Release.WAIT)
_LOOK_AGAIN: Final = timedelta(minutes=1)
"""When to look again whether an upstream run that does not exist may still come."""


def upstream_ids(after: Sequence[Dependency], join: Join, root: str) -> list[str]:
    """Return the ids of the runs with a root that a run of a task comes after."""
    return [
        root if task_of_run(root) == one.task else downstream_execution_id(one.task, root)
        for one in joined_of(after, join)
    ]


def decide_release(
    after: Sequence[Dependency],
    join: Join,
    runs: Sequence[UpstreamRun | None],
    latest: Callable[[Dependency, datetime], UpstreamRun | None],
    now: datetime,
) -> Released:
    """Decide about the run of a task whose `upstream_ids` are `runs`; None stands for one that is missing.

    `latest` gives the latest end that matches a dependency with `within`, around the given moment.
    """
    joined = joined_of(after, join)
    ends = [(one, run) for one, run in zip(joined, runs, strict=True)]
    verdict = decide_join(join, [(one.on, None if run is None else run.ended_as) for one, run in ends])
    ended = [(one, run) for one, run in ends if run is not None and run.ended_as is not None]
    if verdict is Release.SKIP:
        return _skipped(ended)
    if verdict is Release.WAIT:
        return WAITS
    met = [run for one, run in ended if run.ended_as is not None and matches(one.on, run.ended_as)]
    at = _latest_end(met)
    return _with_others([one for one in after if one not in joined], met, latest, at, now)


def decide_missing(
    joined: Sequence[Dependency],
    join: Join,
    runs: Sequence[UpstreamRun | None],
    nevers: Sequence[Never | None],
    now: datetime,
) -> Released:
    """Decide about a run that waits although some of its upstream runs do not exist.

    `nevers` says of which of these none will come: with `all` one is enough to skip the run, with `any` all
    that it still waits for must be such.
    """
    open_ends = [
        never for run, never in zip(runs, nevers, strict=True) if run is None or run.ended_as is None
    ]
    found = [(one, never) for one, never in zip(joined, nevers, strict=True) if never is not None]
    if not found or (join == "any" and None in open_ends):
        return Released(Release.WAIT, look_again=now + _LOOK_AGAIN)
    one, never = found[0]
    reason = f"runs after {one.task} on {one.on}, and no run of it comes: {never.words}"
    ended = tuple(run.execution_id for run in runs if run is not None and run.ended_as is not None)
    return Released(Release.SKIP, now, ended, Cause("upstream", run=never.run, outcome=never.outcome), reason)


def decide_loosely(after: Sequence[Dependency], run: UpstreamRun) -> Released:
    """Decide about a run of a task that any end of several starts, whatever their roots, after `run`."""
    is_met = run.ended_as is not None and any(
        one.task == run.task_id and matches(one.on, run.ended_as) for one in after
    )
    return Released(Release.START, run.finished_at, (run.execution_id,)) if is_met else WAITS


def _with_others(
    others: Sequence[Dependency],
    met: Sequence[UpstreamRun],
    latest: Callable[[Dependency, datetime], UpstreamRun | None],
    at: datetime,
    now: datetime,
) -> Released:
    """Decide about the dependencies with `within`, once those that belong together have been met at `at`."""
    found = [(one, latest(one, at)) for one in others]
    missing = [one for one, run in found if run is None]
    latest_runs = [run for _, run in found if run is not None]
    upstream = tuple(run.execution_id for run in (*met, *latest_runs))
    if not missing:
        return Released(Release.START, max(at, _latest_end([*met, *latest_runs])), upstream)
    ends_at = {one.task: at + timedelta(seconds=one.within or 0) for one in missing}
    task_id = min(ends_at, key=lambda name: ends_at[name])
    if now <= ends_at[task_id]:
        return Released(Release.WAIT, look_again=ends_at[task_id])
    first = met[0]
    reason = f"no end of {task_id} that it runs after lies within the span around {first.execution_id}"
    cause = Cause("upstream", run=first.execution_id, outcome=str(EndClass.TOO_LATE))
    return Released(Release.SKIP, ends_at[task_id], upstream, cause, reason)


def _skipped(ended: Sequence[tuple[Dependency, UpstreamRun]]) -> Released:
    one, run = next(
        (one, run) for one, run in ended if run.ended_as is not None and not matches(one.on, run.ended_as)
    )
    cause = root_cause(run.execution_id, run.state, run.cause)
    root = "" if cause.run == run.execution_id else f", because of run {cause.run} ({cause.outcome})"
    reason = f"runs after {one.task} on {one.on}, and run {run.execution_id} ended {run.state}{root}"
    upstream = tuple(run.execution_id for _, run in ended)
    return Released(Release.SKIP, run.finished_at, upstream, cause, reason)


def _latest_end(runs: Sequence[UpstreamRun]) -> datetime:
    return max(run.finished_at for run in runs if run.finished_at is not None)
