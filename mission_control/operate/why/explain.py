"""The table of checks: which causes are looked for in which situation, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.operate.why import occurrence_checks, run_checks, service_checks
from mission_control.operate.why.evidence import Evidence
from mission_control.operate.why.explanation import Explanation, Finding, Source, Verdict
from mission_control.operate.why.schedule_checks import not_due

Check = Callable[[Evidence], Iterator[Finding]]
RunCheck = Callable[[RunRecord, Evidence], Iterator[Finding]]

_ENDS: Final[Mapping[RunState, RunCheck]] = {
    RunState.SUCCESS: run_checks.ran,
    RunState.FAILURE: run_checks.failed,
    RunState.TIMED_OUT: run_checks.failed,
    RunState.LOST: run_checks.failed,
    RunState.CANCELLED: run_checks.cancelled,
    RunState.EXPIRED: run_checks.expired,
    RunState.SKIPPED: run_checks.unfired,
    RunState.MISSED: run_checks.unfired,
}
_WAITS: Final[tuple[RunCheck, ...]] = (run_checks.running, run_checks.held_back, run_checks.put_off)
_AHEAD: Final[tuple[Check, ...]] = (
    occurrence_checks.disabled,
    occurrence_checks.withheld,
    occurrence_checks.budget,
    occurrence_checks.upstream,
)
_NOW: Final[tuple[Check, ...]] = (service_checks.no_beat, service_checks.entry, service_checks.no_worker)
_PASSED_OVER: Final[tuple[Check, ...]] = (
    occurrence_checks.disabled,
    occurrence_checks.forgotten,
    occurrence_checks.edited,
)
_PENDING: Final[tuple[Check, ...]] = (
    occurrence_checks.disabled,
    service_checks.no_beat,
    service_checks.entry,
    occurrence_checks.withheld,
)
_UNKNOWN: Final = Finding("unknown", "nothing is known of it", Verdict.UNKNOWN, None, Source.UNKNOWN)


def explain(evidence: Evidence) -> Explanation:
    """Return what became, or becomes, of a run or occurrence: a pure function of the evidence.

    Guarantees: the first finding decided, all others contribute. Decisions are recomputed with the functions
    by which beat decides. Where nothing is known, the answer says so.
    """
    found = list(_found(evidence))
    deciding = next((one for one in found if one.verdict is not None), _UNKNOWN)
    others = tuple(one for one in dict.fromkeys(found) if one is not deciding)
    return Explanation(
        evidence.task_id,
        evidence.execution_id,
        evidence.scheduled,
        deciding.verdict or Verdict.UNKNOWN,
        (deciding, *others),
        is_ahead=evidence.is_ahead,
    )


def _found(evidence: Evidence) -> Iterable[Finding]:
    if evidence.run is not None:
        return _of_run(evidence.run, evidence)
    if evidence.change is None and evidence.scheduled is not None and (why := list(not_due(evidence))):
        return why
    if evidence.is_ahead:
        found = _or_else(_all(_AHEAD, evidence), occurrence_checks.to_come(evidence))
        also = (occurrence_checks.moved, occurrence_checks.overlap)
        return [*found, *_all(also, evidence), *_contributing(_all(_NOW, evidence))]
    found = _all(_PENDING if evidence.is_pending else _PASSED_OVER, evidence)
    return _or_else(found, occurrence_checks.unexplained(evidence))


def _of_run(run: RunRecord, evidence: Evidence) -> Iterable[Finding]:
    delayed = run_checks.delayed(run, evidence)
    if run.state.is_final:
        return [*_ENDS[run.state](run, evidence), *delayed]
    waits = [one for check in _WAITS for one in check(run, evidence)]
    found = _or_else([*waits, *service_checks.no_worker(evidence)], run_checks.queued(run, evidence))
    return [*found, *delayed, *_contributing(service_checks.no_beat(evidence))]


def _all(checks: Iterable[Check], evidence: Evidence) -> list[Finding]:
    return [one for check in checks for one in check(evidence)]


def _or_else(found: list[Finding], usual: Iterator[Finding]) -> list[Finding]:
    """Return findings, with the usual one if none of them decides."""
    return found if any(one.verdict is not None for one in found) else [*found, *usual]


def _contributing(found: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings that only contribute: they are of now, and the answer is not."""
    return (replace(one, verdict=None) for one in found)
