"""Random evidence about an occurrence: without the causes that are named, the decision says that it runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.model.policies.condition import ConditionFacts
from mission_control.model.policies.misfire import Fire, Skip
from mission_control.model.policies.pause import PauseKind, PauseLayer
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.operate.why.explain import explain
from mission_control.operate.why.explanation import Verdict
from mission_control.operate.why.foresight import foreseen, unhindered
from tests.unit.operate.why.evidences import HOUR, NINE, ahead, tea

if TYPE_CHECKING:
    from mission_control.operate.why.evidence import Evidence
    from mission_control.operate.why.explanation import Explanation

hours = st.integers(-30, 30).map(lambda count: NINE + count * timedelta(minutes=20))
CONDITIONS = [None, "workday", {"window": "08:30-09:10"}, {"window": "22:00-06:00"}, "previous_failed"]
SELECTORS = {
    PauseKind.ALL: "",
    PauseKind.TASK: "tea",
    PauseKind.TAG: "hot",
    PauseKind.QUEUE: "default",
    PauseKind.BREAKER: "tea",
}


@st.composite
def layers(draw: st.DrawFn) -> PauseLayer:
    kind = draw(st.sampled_from([*SELECTORS]))
    since, until = draw(hours), draw(st.none() | hours)
    is_over = until is not None and draw(st.booleans())
    return PauseLayer(kind, SELECTORS[kind], since=since, who="ada", until=until, is_over=is_over)


@st.composite
def changes(draw: st.DrawFn) -> tuple[ChangedOccurrence, ...]:
    to, is_skipped = draw(st.none() | hours.filter(lambda at: at > NINE)), draw(st.booleans())
    if to is None and not is_skipped:
        return ()
    return (ChangedOccurrence("tea", NINE, since=NINE - HOUR, who="bo", to=to, is_skipped=is_skipped),)


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    spread = draw(st.sampled_from([0, 600]))
    schedule = {"type": "daily", "time": "09:00", "spread_seconds": spread}
    fields: dict[str, Any] = {"condition": draw(st.sampled_from(CONDITIONS)), "enabled": draw(st.booleans())}
    return replace(
        ahead(tea(schedule=schedule, tags=["hot"], **fields)),
        layers=tuple(draw(st.lists(layers(), max_size=4))),
        changed=draw(changes()),
        quarantined=draw(st.none() | st.just("not JSON")),
        facts=ConditionFacts(failures=draw(st.integers(0, 1))),
    )


def without_named(evidence: Evidence, found: Explanation) -> Evidence:
    """Return the evidence without the facts that the answer names."""
    words = {one.words for one in found.findings}
    codes = {one.code for one in found.findings}
    free, task = unhindered(evidence), evidence.task
    assert task is not None
    return replace(
        evidence,
        task=task.model_copy(
            update={
                "enabled": task.enabled or "disabled" in codes,
                "condition": None if "condition" in codes else task.condition,
            }
        ),
        layers=tuple(one for one in evidence.layers if one.words() not in words),
        changed=free.changed if "skipped_by_hand" in codes else evidence.changed,
        quarantined=None if "quarantined" in codes else evidence.quarantined,
    )


@settings(max_examples=80)
@given(evidences())
def test_occurrence_would_have_run_without_the_causes_that_are_named(evidence: Evidence) -> None:
    due = evidence.due_at
    assert due is not None
    found = explain(evidence)
    assert isinstance(foreseen(unhindered(evidence), due), Fire)
    decided = foreseen(evidence, due)
    if isinstance(decided, Fire):
        assert found.verdict is Verdict.TO_COME
        return
    assert found.verdict is (Verdict.LOST if found.findings[0].code == "quarantined" else Verdict.SKIPPED)
    if decided is not None:
        assert found.findings[0].words == decided.reason
        assert isinstance(decided, Skip) or found.findings[0].code == "quarantined"
    # A moved occurrence has another due time once it is no longer skipped.
    freed = without_named(evidence, found)
    assert freed.due_at is not None
    assert isinstance(foreseen(freed, freed.due_at), Fire)
