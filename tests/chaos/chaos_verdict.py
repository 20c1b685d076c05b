"""The verdict on a chaos run: handlers' notes, ledger and audit stream, against what was expected."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mission_control.model.runs.run_state import RunState
from tests.chaos.chaos_kinds import CAP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mission_control.model.runs.run_record import RunRecord
    from tests.chaos.chaos_kinds import Note, Work


@dataclass(frozen=True)
class Evidence:
    """What is known afterwards: `expected` by the schedules, and `killed` by the chaos."""

    expected: Mapping[str, Work]
    notes: Sequence[Note]
    runs: Mapping[str, RunRecord]
    records: Sequence[Mapping[str, Any]]
    killed: frozenset[int] = field(default=frozenset())

    @cached_property
    def notes_of(self) -> Mapping[str, list[Note]]:
        """The notes on each run, in the order in which they were written."""
        found: dict[str, list[Note]] = defaultdict(list)
        for note in self.notes:
            found[note.execution_id].append(note)
        return found

    @cached_property
    def records_of(self) -> Mapping[str, list[Mapping[str, Any]]]:
        """The audit records of each run."""
        found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for record in self.records:
            found[str(record["execution_id"])].append(record)
        return found

    @property
    def cut_off(self) -> list[Note]:
        """The beginnings of attempts that came to no end."""
        ends = Counter(_where(note) for note in self.notes if note.what in {"failure", "success"})
        begins = (note for note in self.notes if note.what == "begin")
        return [note for note in begins if ends[_where(note)] == 0]


def faults(evidence: Evidence) -> list[str]:
    """Return everything that must not be, with all that is known about the run."""
    every = (
        evidence.expected.keys()
        | evidence.notes_of.keys()
        | evidence.records_of.keys()
        | evidence.runs.keys()
    )
    found = [
        f"{execution_id}: {fault}\n{_story(evidence, execution_id)}"
        for execution_id in sorted(every)
        for fault in _faults_of(evidence, execution_id)
    ]
    return [*found, *_budget_faults(evidence)]


def _faults_of(evidence: Evidence, execution_id: str) -> Iterator[str]:
    run, work = evidence.runs.get(execution_id), evidence.expected.get(execution_id)
    if work is None:
        yield "it was never due"
    elif run is None:
        yield "lost: the ledger does not know it"
    elif not run.state.is_final:
        yield "lost: it has not ended"
    else:
        yield from _record_faults(run, evidence.records_of[execution_id])
        yield from _run_faults(run, evidence)
        yield from _outcome_faults(run, work, evidence)


def most_at_a_time(evidence: Evidence) -> int:
    """Return how many attempts that need a slot of the limit went on at the same time.

    Those that were cut off came to no end that anyone noted, and do not count.
    """
    limited = [note for note in evidence.notes if evidence.expected[note.execution_id].is_limited]
    begun = {_where(note): note.at for note in limited if note.what == "begin"}
    spans = [(begun[_where(note)], note.at) for note in limited if note.what in {"failure", "success"}]
    return max((sum(start <= began < end for start, end in spans) for began, _ in spans), default=0)


def is_over_budget(run: RunRecord) -> bool:
    """Whether a budget kept a run from starting, or an attempt of it from being begun again."""
    return (run.cause or {}).get("class") == "budget"


def _budget_faults(evidence: Evidence) -> Iterator[str]:
    """Yield the budgets that runs have passed by more than one of them has spent."""
    spent: dict[str, Counter[str]] = defaultdict(Counter)
    for note in evidence.notes:
        work = evidence.expected.get(note.execution_id)
        if note.what == "spent" and work is not None and work.budget is not None:
            spent[work.budget][note.execution_id] += work.spends
    for budget, runs in spent.items():
        if runs.total() > CAP + max(runs.values()):
            yield f"{budget}: {runs.total()} of {CAP} tokens are spent: {dict(runs)}"


def _record_faults(run: RunRecord, records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    final = [record["status"] for record in records if record["final"]]
    if final != [run.state]:
        yield f"its final records are {final}"
    of_attempts = [one["attempt"] for one in records if "delivery" not in one]
    attempts = sorted(one for one in of_attempts if one is not None)  # a skipped run has none
    is_stopped = is_over_budget(run)  # its end is a second record of the last attempt, or of a lost one
    if (sorted({*attempts}) if is_stopped else attempts) != list(range(1, run.attempt + 1)):
        yield f"its records are of the attempts {attempts}"
    lost = [(record["attempt"], record["delivery"]) for record in records if "delivery" in record]
    claims = [delivery for _, delivery in lost]
    if len(claims) != len(set(claims)) or any(
        run.fence is None or claim >= run.fence + is_stopped for claim in claims
    ):
        yield f"its records of lost workers are of the attempts and claims {lost}"


def _run_faults(run: RunRecord, evidence: Evidence) -> Iterator[str]:
    notes = evidence.notes_of[run.execution_id]
    if any(note.what == "overlap" for note in notes):
        yield "it ran concurrently with itself"
    ended = run.finished_at.timestamp() if run.finished_at is not None else 0.0
    if any(note.what == "begin" and note.at > ended for note in notes):
        yield "it was begun after its end"
    done = [at for at, note in enumerate(notes) if note.what == "success" and note.pid not in evidence.killed]
    if done and any(note.what == "begin" for note in notes[done[0] :]):
        yield "it was run again after a success whose process lived on"
    if sum(note.what == "effect" for note in notes) > 1:
        yield "it had its effect twice"


def _outcome_faults(run: RunRecord, work: Work, evidence: Evidence) -> Iterator[str]:
    if work.skipped_for is not None:
        cause = {name: (run.cause or {}).get(name) for name in ("class", "run")}
        if run.state != RunState.SKIPPED or cause != {"class": "upstream", "run": work.skipped_for}:
            yield f"it ended {run.state} ({run.cause}) and must be skipped because of {work.skipped_for}"
        return
    spent = work.spends * sum(note.what == "spent" for note in evidence.notes_of[run.execution_id])
    if spent > (run.spent_tokens or 0):
        yield f"it has spent {spent} tokens, and the ledger counts {run.spent_tokens}"
    if work.budget is not None and is_over_budget(run):
        yield from _over_budget_faults(run, work, evidence)
        return
    last = [note for note in evidence.notes_of[run.execution_id] if note.attempt == run.attempt]
    is_by_a_kill = run.reason == RunState.LOST and {note.pid for note in last} <= evidence.killed
    if work.is_hopeless and run.state == RunState.LOST and is_by_a_kill:
        return  # the process of its last attempt was killed: nothing was left to try
    if run.state != (RunState.FAILURE if work.is_hopeless else RunState.SUCCESS):
        yield f"it ended {run.state} ({run.reason}: {run.error})"
    elif not any(note.what == str(run.state) for note in last):
        yield f"it ended {run.state}, which its handler knows nothing of"


def _over_budget_faults(run: RunRecord, work: Work, evidence: Evidence) -> Iterator[str]:
    """Yield what is wrong with a run that its budget stopped: before it began, or after it lost a worker."""
    states = {RunState.SKIPPED} if run.attempt == 0 else {RunState.FAILURE, RunState.LOST}
    if run.state not in states or (run.cause or {}).get("layer") != work.budget:
        yield f"it ended {run.state} ({run.cause}), stopped by its budget {work.budget}"
    if run.attempt == 0 and evidence.notes_of[run.execution_id]:
        yield "it was begun although its budget stopped it"


def _where(note: Note) -> tuple[str, int, int]:
    return note.execution_id, note.attempt, note.pid


def _story(evidence: Evidence, execution_id: str) -> str:
    facts = (
        *evidence.notes_of[execution_id],
        evidence.runs.get(execution_id),
        *evidence.records_of[execution_id],
    )
    return "\n".join(f"    {one}" for one in facts)
