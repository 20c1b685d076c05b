"""What is wrong with beat, the workers and Redis, as far as it concerns one run or occurrence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from mission_control.model.policies.misfire import Fire, Skip
from mission_control.model.values.instants import format_instant, from_unix
from mission_control.model.values.quantities import counted
from mission_control.operate.health import beat_issues, of_runs, of_tasks, work_issues
from mission_control.operate.why.evidence import Evidence
from mission_control.operate.why.explanation import Finding, Verdict
from mission_control.operate.why.foresight import foreseen

_UNDONE: Final[Mapping[str, str]] = defaultdict(
    lambda: "nothing was done",
    beat="beat fired nothing and recovered no run",
    worker="workers began and ended no run",
)


def no_beat(evidence: Evidence) -> Iterator[Finding]:
    """Yield that Redis takes no writes, that no beat runs, or who holds the lead instead of one that does."""
    if evidence.refusal is not None:
        cause, _, remedy = evidence.refusal.partition(": ")
        yield Finding("redis_refuses", f"Redis {cause}", _afterwards(evidence), remedy)
    for issue in beat_issues(evidence.processes):
        is_held = evidence.lead is not None and issue.kind == "no_leader"
        lead = f"; the lead is held by {evidence.lead}" if is_held else ""
        acted = evidence.acted_before
        since = "" if acted is None else f"; a beat fired last at {format_instant(acted)}"
        yield Finding(issue.kind, f"{issue.problem}{lead}{since}", _afterwards(evidence), issue.remedy)


def redis_failed(evidence: Evidence) -> Iterator[Finding]:
    """Yield when Redis failed what beat or workers wanted to do meanwhile, as they have stored it."""
    for one in evidence.outages:
        cause, _, remedy = one.why.partition(": ")
        then = f"from {format_instant(one.since)} until {format_instant(one.until)}"
        yield Finding("redis_refused", f"Redis {cause}; so {_UNDONE[one.kind]} {then}", None, remedy or None)


def _afterwards(evidence: Evidence) -> Verdict:
    """Return what becomes of an overdue occurrence once beat can fire again: its misfire policy decides."""
    match foreseen(evidence, evidence.now):
        case Fire():
            return Verdict.WAITING
        case Skip():
            return Verdict.SKIPPED
    return Verdict.LOST


def entry(evidence: Evidence) -> Iterator[Finding]:
    """Yield that the schedule in Redis lacks the task, or has it at a time that is no occurrence."""
    task, enable = evidence.task, f"mission-control task enable {evidence.task_id}"
    if task is None or not task.enabled or evidence.quarantined or task.schedule.is_fixed_delay:
        return
    if evidence.due is None:
        if task.schedule.next_after(evidence.now) is not None:
            yield Finding("entry_missing", "the schedule in Redis lacks the task", Verdict.LOST, enable)
        return
    due = from_unix(evidence.due)
    nominal, moved = due - evidence.spread, {one.due + evidence.spread for one in evidence.changed}
    if due not in moved and task.schedule.next_after(nominal - nominal.resolution) != nominal:
        words = f"another program has made it due at {format_instant(due)}, which is no occurrence"
        yield Finding("entry_edited", words, Verdict.LOST, enable)


def no_worker(evidence: Evidence) -> Iterator[Finding]:
    """Yield that no worker serves the queue, none there has the handler, or all are busy."""
    run, task = evidence.run, evidence.task
    work = of_runs([run]) if run is not None else of_tasks([] if task is None else [task])
    for issue in work_issues(evidence.processes, [work]):
        began = evidence.missing_handler_since
        since = "" if began is None else f", since {format_instant(began)}"
        has = "" if issue.kind == "unserved_queue" else _digests(evidence, next(iter(work))[1])
        yield Finding(issue.kind, f"{issue.problem}{since}{has}", Verdict.WAITING, issue.remedy)
    for queue, _ in work:
        yield from _busy(evidence, queue)


def _digests(evidence: Evidence, handler: str) -> str:
    """Say which workers have a handler, each with its digest."""
    has = {one.name: dict(one.info.get("handlers", {})) for one in evidence.processes}
    found = [f"{name} has {handlers[handler][:12]}" for name, handlers in has.items() if handler in handlers]
    return f"; {', '.join(found)}" if found else ""


def _busy(evidence: Evidence, queue: str) -> Iterator[Finding]:
    """Yield that all slots of the queue's workers are taken."""
    serving = (one for one in evidence.processes if queue in one.info.get("queues", ()))
    slots = {one.name: count for one in serving if isinstance(count := one.info.get("concurrency"), int)}
    taken = [run.execution_id for run in evidence.running if run.worker in slots]
    if taken and len(taken) >= sum(slots.values()):
        words = f"all {counted(len(taken), 'slot')} of the workers on the queue {queue} are taken: {taken[0]}"
        remedy = "start more workers, or give them more --concurrency"
        yield Finding("workers_busy", f"{words}{' …' * (len(taken) > 1)}", Verdict.WAITING, remedy)
