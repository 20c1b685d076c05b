"""Backfills as an operator asks for them: what one would run, starting one, and cancelling it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from ulid import ULID

from mission_control.audit.record.masking import NAME_LIMIT, clean_text
from mission_control.dispatch.run_control import RunControl
from mission_control.errors import InvalidTaskError, Problem, UnknownBackfillError, UnknownRunError
from mission_control.ledger.backfills import BackfillItem, Backfills
from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.backfill import MOST_OCCURRENCES, forecast, is_run, slots_of
from mission_control.model.runs.backfill_plan import BackfillPlan, Rerun
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import whole_name
from mission_control.model.values.instants import format_instant
from mission_control.operate.next_times import DueTime, unmet_words
from mission_control.operate.past_runs import PastRuns
from mission_control.operate.tasks import existing_task
from mission_control.registry.pauses import Pauses
from mission_control.registry.registry import Registry

DEFAULT_SHARE: Final = 0.25
NOT_RUN: Final = "not run"
_JUDGED_BY: Final = 100


@dataclass(frozen=True, kw_only=True)
class BackfillRequest:
    """What is asked for: the occurrences of a task from `start` up to and without `end`."""

    task_id: str
    start: datetime
    end: datetime
    rerun: Rerun = Rerun.NONE
    newest_first: bool = False
    share: float = DEFAULT_SHARE
    per_second: float | None = None


@dataclass(frozen=True)
class BackfillPreview:
    """What a backfill would do, or does.

    `found` counts the occurrences in the range by the state of their last run; `unknown_before` is the
    instant before which neither ledger nor audit stream says what ran.
    """

    plan: BackfillPlan
    items: Sequence[BackfillItem]
    found: Counter[str]
    mean: timedelta | None
    forecast: timedelta | None
    unknown_before: datetime | None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object; spans are seconds."""
        times = sorted(one.scheduled_time for one in self.items)
        first, last = (format_instant(one) for one in (times[0], times[-1])) if times else (None, None)
        return {
            **self.plan.to_json(),
            "first": first,
            "last": last,
            "found": dict(self.found),
            "mean_seconds": None if self.mean is None else self.mean.total_seconds(),
            "forecast_seconds": None if self.forecast is None else self.forecast.total_seconds(),
            "unknown_before": None if self.unknown_before is None else format_instant(self.unknown_before),
        }


@dataclass(frozen=True)
class Backfilling:
    """Plans, starts and cancels backfills; `slots_for` says how many worker slots serve a queue."""

    registry: Registry
    backfills: Backfills
    control: RunControl
    past_runs: PastRuns
    pauses: Pauses
    slots_for: Callable[[str], int]
    clock: Callable[[], datetime]

    def preview(self, request: BackfillRequest) -> BackfillPreview:
        """Return what a backfill would run; nothing changes.

        Raises:
            UnknownTaskError: no task has that id.
            InvalidTaskError: the range or an option cannot be used; lists every problem.
        """
        task, now = existing_task(self.registry, request.task_id), self.clock()
        self.registry.definition(request.task_id, to_run=True)  # raises for one that may not run
        problems = [*_problems(request, now), *_problems_of(task)]
        if problems:
            raise InvalidTaskError(problems, subject=f"backfill of {request.task_id}")
        moved = {one.at for one in self.pauses.read().changed_of(task.id) if one.due > now}
        found = [one for one in _occurrences(task, request, now) if one not in moved]
        times = [one for one in found if not unmet_words(DueTime(one), task.schedule, task.condition)]
        past = self.past_runs.of(task.id, times, since=request.start, now=now)
        items = [
            BackfillItem(past.free_ids[moment], moment)
            for moment in times
            if is_run(request.rerun, past.states[moment])
        ]
        items = items[::-1] if request.newest_first else items
        mean = self._mean_duration(task.id)
        at_once = slots_of(request.share, self.slots_for(task.queue))
        return BackfillPreview(
            self._plan(request, task, len(items), now),
            items,
            Counter(NOT_RUN if one is None else one for one in past.states.values()),
            mean,
            forecast(len(items), mean, at_once, request.per_second),
            past.unknown_before,
        )

    def start(self, preview: BackfillPreview, *, reason: str | None = None) -> None:
        """Start a backfill: beat sends its runs from now on, whatever becomes of this process.

        Raises:
            InvalidTaskError: it has no occurrence, or an open backfill of the task has a part of its range.
        """
        plan, subject = preview.plan, f"backfill of {preview.plan.task_id}"
        if not preview.items:
            problem = Problem("", "no occurrence in this range is to run; --rerun failed or all runs more")
            raise InvalidTaskError([problem], subject=subject)
        other = self.backfills.start(plan, preview.items)
        if other is not None:
            problem = Problem(
                "--from", f"backfill {other} has a part of this range; wait for it, or cancel it"
            )
            raise InvalidTaskError([problem], subject=subject)
        self._record(plan, "backfill_started", reason)

    def cancel(self, backfill_id: str, *, reason: str) -> BackfillPlan | None:
        """Cancel a backfill for good: its waiting runs are over at once, running ones are asked to stop.

        Returns the plan; None if it was over before.

        Raises:
            UnknownBackfillError: there is no such backfill.
        """
        reason = clean_text(reason, NAME_LIMIT)
        plan = replace(existing_backfill(self.backfills, backfill_id), reason=reason)
        if not self.backfills.cancel(backfill_id, reason):
            return None
        for execution_id in self.backfills.unfinished(backfill_id):
            try:
                self.control.cancel(execution_id, reason=plan.why_cancelled)
            except UnknownRunError:
                continue  # it was trimmed meanwhile; beat notes that
        self.backfills.end_run(backfill_id, self.clock())
        self._record(plan, "backfill_cancelled", reason)
        return plan

    def _plan(
        self, request: BackfillRequest, task: TaskDefinition, count: int, now: datetime
    ) -> BackfillPlan:
        return BackfillPlan(
            backfill_id=str(ULID.from_datetime(now)),
            task_id=task.id,
            start=request.start,
            end=request.end,
            rerun=request.rerun,
            newest_first=request.newest_first,
            share=request.share,
            per_second=request.per_second,
            count=count,
            who=self.registry.changes.actor,
            created_at=now,
            of_enabled_task=task.enabled,
        )

    def _mean_duration(self, task_id: str) -> timedelta | None:
        runs = self.control.ledger.runs_of(task_id, limit=_JUDGED_BY)
        spans = [
            one.duration_ms for one in runs if one.state is RunState.SUCCESS and one.duration_ms is not None
        ]
        return timedelta(milliseconds=sum(spans) / len(spans)) if spans else None

    def _record(self, plan: BackfillPlan, change: str, reason: str | None) -> None:
        span = {"id": plan.backfill_id, "from": format_instant(plan.start), "to": format_instant(plan.end)}
        facts = {"backfill": {**span, "count": plan.count}}
        self.registry.changes.record(plan.task_id, change, {}, facts, reason=reason, at=self.clock())


def existing_backfill(backfills: Backfills, backfill_id: str, *, changes: bool = False) -> BackfillPlan:
    """Return a backfill by its id, or by its beginning, as `whole_name` takes it.

    Raises:
        UnknownBackfillError: there is none with that id, or several begin with it.
    """
    plan = backfills.get(backfill_id) if backfill_id.isalnum() else None
    if plan is None:
        known = {one.backfill_id: one for one in backfills.all()}
        whole = whole_name(backfill_id, known, "backfills", UnknownBackfillError, changes=changes)
        plan = known.get(whole)
    if plan is None:
        raise UnknownBackfillError(
            f"there is no backfill {backfill_id[:200]!r}; see `mission-control backfill list`"
        )
    return plan


def _problems(request: BackfillRequest, now: datetime) -> list[Problem]:
    start, end = (format_instant(one) for one in (request.start, request.end))
    found = []
    if request.end <= request.start:
        found.append(Problem("--to", f"{end} is not after --from {start}"))
    if request.start >= now:
        found.append(Problem("--from", f"{start} is in the future; a backfill runs past occurrences"))
    elif request.end > now:
        found.append(Problem("--to", f"{end} is in the future; leave --to out for all up to now"))
    if not 0 < request.share <= 1:
        found.append(Problem("--share", f"{request.share:g} is no share of the worker slots; use 0.01 to 1"))
    return found


def _problems_of(task: TaskDefinition) -> list[Problem]:
    if task.schedule.is_fixed_delay:
        what = "its occurrences depend on when its runs end, so there are no past ones to run"
        return [Problem("schedule", what)]
    if not task.schedule.has_occurrences:
        before = f"; backfill what it comes after: {', '.join(one.task for one in task.after)}"
        what = f"it has none, so there are no occurrences to run{before if task.after else ''}"
        return [Problem("schedule", what)]
    return []


def _occurrences(task: TaskDefinition, request: BackfillRequest, now: datetime) -> list[datetime]:
    """Return the occurrences in the range; one that its spread still puts off is beat's."""
    latest = min(request.end - timedelta.resolution, now - spread_of(task))
    found = task.schedule.occurrences(request.start - timedelta.resolution, latest)
    times = list(islice(found, MOST_OCCURRENCES + 1))
    if len(times) > MOST_OCCURRENCES:
        bound = f"more than {MOST_OCCURRENCES:,} occurrences are in the range"
        problem = Problem("--to", f"{bound}; split it: the first part ends at {format_instant(times[-1])}")
        raise InvalidTaskError([problem], subject=f"backfill of {task.id}")
    return times
