"""What a run waits for, how it ended, and what delayed it, as its record says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from mission_control.model.policies.deadlines import late, words
from mission_control.model.policies.misfire import ON_TIME_WITHIN
from mission_control.model.runs.lags import lags
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.instants import format_instant
from mission_control.model.values.quantities import duration
from mission_control.operate.health import stopped_workers, worker_issues
from mission_control.operate.runs import standing
from mission_control.operate.why.evidence import Evidence
from mission_control.operate.why.explanation import Finding, Verdict
from mission_control.operate.why.occurrence_checks import remedy_of, withheld
from mission_control.operate.why.service_checks import redis_failed

_LATE: Final = timedelta(seconds=1)
_INSTANT: Final = timedelta(milliseconds=1)
_NO_REASON: Final = "no reason is on record"


def running(run: RunRecord, evidence: Evidence) -> Iterator[Finding]:
    """Yield on which worker the run runs, and whether that worker answers."""
    for issue in worker_issues(stopped_workers(evidence.processes, [run])):
        yield Finding(issue.kind, issue.problem, Verdict.WAITING, issue.remedy)
    if run.state is RunState.RUNNING:
        follow = f"mission-control run logs {run.execution_id} --follow"
        yield Finding("running", f"attempt {run.attempt}, {standing(run)}", Verdict.RUNNING, follow)
    if run.cancel_requested is not None:
        yield Finding("cancelling", f"it was asked to end: {run.cancel_requested}")


def held_back(run: RunRecord, evidence: Evidence) -> Iterator[Finding]:
    """Yield the run of its task, or the limit, that the run waits for."""
    if run.waits_for is not None:
        other = evidence.related.get(run.waits_for)
        state = "" if other is None else f" ({standing(other)})"
        until = "" if run.waits_until is None else f", until {format_instant(run.waits_until)} at the latest"
        what = f"it waits for {run.waits_for}{state} to end{until}"
        yield Finding("overlap", what, Verdict.WAITING, f"mission-control why {run.waits_for}")
    if run.limited_by is not None:
        what = f"it {evidence.limit_words or f'waits for limit {run.limited_by}'}"
        yield Finding("limit", what, Verdict.WAITING, f"mission-control limit show {run.limited_by}")


def put_off(run: RunRecord, evidence: Evidence) -> Iterator[Finding]:
    """Yield until when the run waits: for its time, its next attempt, or its place in a backlog."""
    if run.state is RunState.RUNNING:
        return
    now, parked, start = evidence.now, evidence.parked_until, f"mission-control run retry {run.execution_id}"
    if run.retry_at is not None and run.retry_at > now:
        what = f"attempt {run.attempt} failed ({run.error}), the next is at {format_instant(run.retry_at)}"
        yield Finding("retrying", what, Verdict.WAITING, start)
    elif run.attempt == 0 and run.due_at > now:
        yield Finding("delayed", f"it is due at {format_instant(run.due_at)}", Verdict.WAITING, start)
    elif parked is not None and parked > now and run.limited_by is None:
        what = f"its message is parked until {format_instant(parked)}"
        yield Finding("parked", what, Verdict.WAITING, start)
    if run.state is RunState.INTERRUPTED:
        what = f"its worker {run.worker} stopped, and attempt {run.attempt} begins again"
        yield Finding("interrupted", what, Verdict.WAITING)
    if run.expires_at is not None and run.attempt == 0:
        yield Finding("expires", f"it expires at {format_instant(run.expires_at)}")


def waits(
    run: RunRecord, now: datetime, related: Mapping[str, RunRecord], limit_words: str | None = None
) -> str | None:
    """Say what an active run waits for by its own record and those of `related` runs; None if for no more."""
    known = Evidence(now=now, task_id=run.task_id, related=related, limit_words=limit_words)
    found = (one for check in (held_back, put_off) for one in check(run, known))
    return next((one.words for one in found if one.verdict is Verdict.WAITING), None)


def queued(run: RunRecord, _: Evidence) -> Iterator[Finding]:
    """Yield that the run waits for a worker, and for nothing else."""
    sent = run.released_at if run.released_at is not None else run.dispatched_at
    what = f"it was sent to the queue {run.queue} at {format_instant(sent)}"
    yield Finding("queued", what, Verdict.WAITING)


def unfired(run: RunRecord, evidence: Evidence) -> Iterator[Finding]:
    """Yield why the occurrence did not run, the run at the root, and what else would have kept it."""
    cause = run.cause or {"class": str(run.state)}
    verdict = Verdict.SKIPPED if run.state is RunState.SKIPPED else Verdict.LOST
    is_by_hand = cause["class"] == "skipped_by_hand"
    remedy = f"mission-control task run {run.task_id}" if is_by_hand else remedy_of(evidence, cause)
    yield Finding(cause["class"], run.reason or _NO_REASON, verdict, remedy)
    if (root := evidence.related.get(cause.get("run", ""))) is not None:
        what = f"run {root.execution_id} is at the root: {root.state} {root.error or root.reason or ''}"
        yield Finding("root", what.rstrip(), None, f"mission-control why {root.execution_id}")
    also = (one for one in withheld(evidence) if one.words != run.reason)
    yield from (one for one in also if one.code not in {"misfire", "quarantined"})  # these are of now


def failed(run: RunRecord, evidence: Evidence) -> Iterator[Finding]:
    """Yield with what the run failed, where, and whether attempts were left."""
    kinds = {RunState.TIMED_OUT: "timed_out", RunState.LOST: "worker_lost"}
    where = "" if evidence.last_frame is None else f" ({evidence.last_frame})"
    verdict = Verdict.LOST if run.state is RunState.LOST else Verdict.FAILED
    what, logs = run.error or run.reason or _NO_REASON, f"mission-control run logs {run.execution_id}"
    yield Finding(kinds.get(run.state, "handler_failed"), f"{what}{where}", verdict, logs)
    most = run.retry_policy.get("max_retries")
    if most is not None and run.attempt > most:
        yield Finding("attempts_used", f"it was attempt {run.attempt} of {most + 1}, so none follows")


def cancelled(run: RunRecord, _: Evidence) -> Iterator[Finding]:
    """Yield who cancelled the run."""
    retry = f"mission-control run retry {run.execution_id}"
    yield Finding("cancelled", f"it was cancelled: {run.reason or _NO_REASON}", Verdict.SKIPPED, retry)


def expired(run: RunRecord, _: Evidence) -> Iterator[Finding]:
    """Yield until when the run was worth a start."""
    by = "" if run.expires_at is None else f" by {format_instant(run.expires_at)}"
    retry = f"mission-control run retry {run.execution_id}"
    yield Finding("expired", f"no worker started it{by}", Verdict.LOST, retry)


def ran(run: RunRecord, _: Evidence) -> Iterator[Finding]:
    """Yield that the run succeeded."""
    took = "" if run.duration_ms is None else f", took {duration(run.duration_ms * _INSTANT)}"
    yield Finding("ran", f"attempt {run.attempt} on {run.worker}{took}", Verdict.RAN)


def delayed(run: RunRecord, evidence: Evidence) -> Iterator[Finding]:
    """Yield when Redis failed or no beat fired, by what the start was late, part by part, and deadlines."""
    refused = list(redis_failed(evidence))
    yield from refused
    if not refused and run.trigger == "schedule" and lags(run).fired > ON_TIME_WITHIN:
        start, end = evidence.acted_before, evidence.acted_after or run.dispatched_at
        since = "" if start is None else f" from {format_instant(start)}"
        yield Finding("beat_down", f"no beat fired anything{since} until {format_instant(end)}")
    if run.started_at is not None and run.attempt == 1:
        parts = _late_by(run)
        if sum(parts.values(), timedelta(0)) >= _LATE:
            apart = ", ".join(f"{name} {duration(one)}" for name, one in parts.items() if one >= _INSTANT)
            yield Finding("late", f"it started {duration(run.started_at - run.due_at)} late: {apart}")
    for name in late(run, evidence.now):
        yield Finding("deadline", words(name, run.deadline or {}))


def _late_by(run: RunRecord) -> dict[str, timedelta]:
    """Return what delayed a first attempt: its spread, beat or the producer, parking, the queue."""
    found, by = lags(run), "beat" if run.trigger == "schedule" else "its producer"
    return {"spread": found.spread, by: found.fired, "parked": found.parked, "in the queue": found.queued}
