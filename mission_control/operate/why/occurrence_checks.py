"""What keeps an occurrence without a run from running: a person, a decision, or what was forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from shlex import quote
from typing import Final

from mission_control.model.policies.misfire import Skip
from mission_control.model.policies.overlap import Verdict as Overlap
from mission_control.model.values.instants import format_instant
from mission_control.operate.overdue import OVERDUE_AFTER
from mission_control.operate.why.evidence import Evidence
from mission_control.operate.why.explanation import Finding, Source, Verdict
from mission_control.operate.why.foresight import withholding
from mission_control.operate.why.service_checks import redis_failed

_REMEDIES: Final[Mapping[str, str]] = {
    "paused": "mission-control resume {selector}",
    "breaker": "correct what fails, then: mission-control resume {task}",
    "skipped_by_hand": "mission-control task unskip {task} --at {at}",
    "condition": "mission-control task run {task}",
    "overlap": "mission-control run show {run}",
    "upstream": "mission-control why {run}",
    "budget": "mission-control budget show {layer}",
    "misfire": "mission-control task run {task}",
    "quarantined": "remove the cause, then: mission-control task enable {task}",
}
_SELECTORS: Final = {"owner", "tag", "queue", "handler"}


def remedy_of(evidence: Evidence, cause: Mapping[str, str]) -> str | None:
    """Return the remedy of a cause as records have it."""
    kind, _, value = cause.get("layer", "").partition(":")
    given = {
        "task": evidence.task_id,
        "at": "" if evidence.scheduled is None else format_instant(evidence.scheduled),
        "selector": f"--{kind} {quote(value)}" if kind in _SELECTORS else value or "--all",
        "run": cause.get("run", ""),
        "layer": cause.get("layer", ""),
    }
    form = _REMEDIES.get(cause["class"])
    return None if form is None else form.format(**given)


def disabled(evidence: Evidence) -> Iterator[Finding]:
    """Yield that the task is, or was then, disabled."""
    if evidence.task is not None and not evidence.task.enabled:
        by = "" if evidence.disabled_by is None else f", {evidence.disabled_by}"
        remedy = f"mission-control task enable {evidence.task_id}"
        yield Finding("disabled", f"the task is disabled{by}", Verdict.SKIPPED, remedy)


def withheld(evidence: Evidence) -> Iterator[Finding]:
    """Yield what beat decides against the occurrence: changes by hand, quarantine, pauses, conditions."""
    run, due = evidence.run, evidence.due_at
    at = max(due or evidence.now, evidence.now) if run is None else run.finished_at or run.dispatched_at
    for one in withholding(evidence, at):
        verdict = Verdict.SKIPPED if isinstance(one, Skip) else Verdict.LOST
        remedy = remedy_of(evidence, one.cause.to_dict())
        yield Finding(one.cause.kind, one.reason, verdict, remedy, Source.RECOMPUTED)


def budget(evidence: Evidence) -> Iterator[Finding]:
    """Yield the budgets of which nothing is left when the occurrence is due."""
    for one in evidence.budgets:
        is_used_up = one.spent + one.reserved >= one.cap.amount
        frees, due = one.frees_at, evidence.due_at
        if is_used_up and due is not None and (frees is None or due < frees):
            verdict = None if frees is None else Verdict.SKIPPED  # reserved only: runs may give it back
            remedy = f"mission-control budget show {one.budget}"
            yield Finding("budget", one.words(), verdict, remedy, Source.RECOMPUTED)


def overlap(evidence: Evidence) -> Iterator[Finding]:
    """Yield what the occurrence does if a run that is active now has not ended by then."""
    meeting, task = evidence.meeting, evidence.task
    if meeting is not None and task is not None and meeting.then is not Overlap.START:
        remedy = f"mission-control run show {meeting.run.execution_id}"
        yield Finding("overlap", meeting.words(task.overlap), None, remedy, Source.RECOMPUTED)


def upstream(evidence: Evidence) -> Iterator[Finding]:
    """Yield what a task that comes after others waits for."""
    task = evidence.task
    for words in evidence.open_joins:
        yield Finding("upstream", words, Verdict.WAITING, source=Source.RECOMPUTED)
    if task is not None and not task.schedule.has_occurrences and not evidence.open_joins:
        names = ", ".join(one.task for one in task.after)
        words = f"it runs after {names}, and waits for no run of theirs" if names else "it only runs by hand"
        yield Finding("no_schedule", words, Verdict.NOT_DUE, f"mission-control task run {task.id}")


def moved(evidence: Evidence) -> Iterator[Finding]:
    """Yield that the occurrence was moved to another time by hand."""
    change = evidence.change
    if change is not None and change.to is not None and not change.is_skipped:
        remedy = f"mission-control task unskip {evidence.task_id} --at {format_instant(change.at)}"
        yield Finding("moved", change.words(), None, remedy)


def to_come(evidence: Evidence) -> Iterator[Finding]:
    """Yield when the occurrence is due."""
    if evidence.due_at is not None:
        words = f"it is due at {format_instant(evidence.due_at)}"
        yield Finding("to_come", words, Verdict.TO_COME, source=Source.RECOMPUTED)


def forgotten(evidence: Evidence) -> Iterator[Finding]:
    """Yield that runs of that time are no longer kept."""
    if not evidence.is_kept:
        words = "neither the ledger nor the audit stream has runs of that time any longer"
        yield Finding("trimmed", words, Verdict.UNKNOWN, source=Source.UNKNOWN)


def edited(evidence: Evidence) -> Iterator[Finding]:
    """Yield that the task was changed after the occurrence was due, and before beat fired it."""
    if evidence.edited is not None:
        words = f"the task was changed at {format_instant(evidence.edited)}, before beat fired it"
        remedy = f"mission-control task revisions {evidence.task_id}"
        yield Finding("edited", words, Verdict.LOST, remedy, Source.RECOMPUTED)


def unexplained(evidence: Evidence) -> Iterator[Finding]:
    """Yield that the occurrence is just being fired, or else that nothing says why it was not."""
    due = evidence.due_at
    if due is not None and evidence.now - due <= OVERDUE_AFTER:
        words = "it is due now, and beat has not fired it yet"
        yield Finding("firing", words, Verdict.WAITING, source=Source.RECOMPUTED)
    elif refused := [replace(one, verdict=Verdict.LOST) for one in redis_failed(evidence)]:
        yield from refused
    else:
        words = "it was due and has no run, and nothing says why"
        yield Finding("unexplained", words, Verdict.LOST, "mission-control status", Source.UNKNOWN)
