"""Two causes at once: the one that beat or a worker meets first decides, and the other is listed."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

import pytest

from mission_control.model.policies.overlap import Verdict as Overlap
from mission_control.model.runs.run_state import RunState
from mission_control.operate.runs import Meeting
from mission_control.operate.why.explain import explain
from mission_control.store.troubles import REFUSALS
from tests.unit.operate.why.evidences import (
    BEAT,
    HOUR,
    NINE,
    WORKER,
    Change,
    a_run,
    ahead,
    by_hand,
    known,
    layer,
    past,
    used_up,
    waiting,
    with_layer,
    with_run,
    with_task,
)

if TYPE_CHECKING:
    from mission_control.operate.why.evidence import Evidence

# In each situation the causes that can come together, the one that decides first.
AHEAD: Final[dict[str, Change]] = {
    "disabled": with_task(enabled=False),
    "quarantined": known(quarantined="not JSON"),
    "skipped_by_hand": by_hand(is_skipped=True),
    "paused": with_layer(layer()),
    "condition": with_task(condition={"window": "22:00-06:00"}),
    "budget": known(budgets=(used_up(),)),
    "overlap": known(meeting=Meeting(a_run(RunState.RUNNING), Overlap.SKIP)),
    "unserved_queue": lambda evidence: replace(
        evidence, processes=tuple(one for one in evidence.processes if one.kind != "worker")
    ),
    "no_beat": lambda evidence: replace(
        evidence, processes=tuple(one for one in evidence.processes if one.kind != "beat")
    ),
}
OVERDUE: Final[dict[str, Change]] = {
    "disabled": with_task(enabled=False),
    "redis_refuses": known(refusal=REFUSALS["OOM"]),
    "no_beat": known(processes=(WORKER,)),
    "quarantined": known(quarantined="not JSON"),
    "paused": with_layer(layer()),
}
WAITING: Final[dict[str, Change]] = {
    "overlap": with_run(waits_for="tea@20260301T090000Z"),
    "limit": with_run(limited_by="api"),
    "retrying": with_run(state=RunState.RETRYING, attempt=1, retry_at=NINE + HOUR),
    "unserved_queue": known(processes=(BEAT,)),
    "no_beat": known(processes=(WORKER,)),
    "cancelling": with_run(cancel_requested="by ada"),
}
PENDING: Final = replace(past(ahead()), due=NINE.timestamp())


def answer(first: str, second: str, changes: dict[str, Change], start: Evidence) -> tuple[str, set[str]]:
    found = explain(changes[second](changes[first](start))).findings
    return found[0].code, {one.code for one in found}


@pytest.mark.parametrize(("first", "second"), [*combinations(AHEAD, 2)])
def test_pair_of_causes_of_an_occurrence_to_come(first: str, second: str) -> None:
    deciding, codes = answer(first, second, AHEAD, ahead())
    is_decision = first not in {"overlap", "unserved_queue", "no_beat"}
    assert deciding == (first if is_decision else "to_come")
    assert {first, second} <= codes


@pytest.mark.parametrize(("first", "second"), [*combinations(OVERDUE, 2)])
def test_pair_of_causes_of_an_overdue_occurrence(first: str, second: str) -> None:
    deciding, codes = answer(first, second, OVERDUE, PENDING)
    assert deciding == first
    assert {first, second} <= codes


@pytest.mark.parametrize(("first", "second"), [*combinations(WAITING, 2)])
def test_pair_of_causes_of_a_waiting_run(first: str, second: str) -> None:
    changes = WAITING
    if {first, second} == {"unserved_queue", "no_beat"}:
        changes = {**WAITING, "no_beat": known(processes=())}
    deciding, codes = answer(first, second, changes, waiting())
    assert deciding == ("queued" if first == "no_beat" else first)
    assert {first, second} <= codes


def test_at_least_sixty_pairs_are_shown() -> None:
    assert sum(len([*combinations(one, 2)]) for one in (AHEAD, OVERDUE, WAITING)) >= 60
