"""The table of overlap policies in the docs, made by the function that beat decides with."""

from __future__ import annotations

from typing import get_args

from mission_control.model.policies.overlap import (
    OverlapPolicy,
    Predecessor,
    Source,
    Verdict,
    decide_overlap,
    plan_of,
)
from tests.house.repository import ROOT

PAGE = ROOT / "docs" / "task-definition.md"
WORDS = {
    Verdict.START: "starts",
    Verdict.SKIP: "skipped",
    Verdict.WAIT: "waits",
    Verdict.TAKE_PLACE: "takes its place",
    Verdict.REPLACE: "replaces",
}


def cell(policy: OverlapPolicy, predecessor: Predecessor, source: Source) -> str:
    first, later = (WORDS[decide_overlap(policy, predecessor, source, waiting=waiting)] for waiting in (0, 1))
    return first if first == later else f"{first}; {later} if one waits"


def table() -> str:
    """Return the rows as they stand in the docs."""
    names = {Source.BACKFILL: "backlog", Source.MANUAL: "request", Source.TIMETABLE: "schedule"}
    rows = [
        "| `overlap` | earlier run | " + " | ".join(names.get(one, one.value) for one in Source) + " |",
        "|---|---|" + "---|" * len(Source),
    ]
    for policy in get_args(OverlapPolicy):
        for predecessor in Predecessor:
            cells = " | ".join(cell(policy, predecessor, source) for source in Source)
            rows.append(f"| `{policy}` | {predecessor} | {cells} |")
    return "\n".join(rows)


def test_table_of_overlaps_in_the_docs_is_what_beat_decides() -> None:
    assert table() in PAGE.read_text("utf-8"), f"the table in docs/task-definition.md should be:\n{table()}"


def test_plan_of_a_queue_waits_up_to_its_limit_and_no_other_policy_has_one() -> None:
    plan = plan_of("queue", 3)
    assert (plan.blocked, plan.full, plan.limit) == (Verdict.WAIT, Verdict.SKIP, 3)
    plan = plan_of("queue_latest", 3)
    assert (plan.blocked, plan.full, plan.limit) == (Verdict.WAIT, Verdict.TAKE_PLACE, 1)
