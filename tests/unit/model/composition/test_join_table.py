"""The tables of dependencies in the docs, made by the functions that beat decides with."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import get_args

from mission_control.model.composition.joining import (
    EndClass,
    Join,
    On,
    Release,
    decide_join,
    end_class,
    matches,
)
from mission_control.model.runs.run_state import RunState
from tests.house.repository import ROOT

PAGE = ROOT / "docs" / "task-definition.md"
WORDS = {Release.START: "starts", Release.SKIP: "skipped", Release.WAIT: "waits"}
ENDS: dict[str, EndClass | None] = {
    "matches": EndClass.SUCCESS,
    "does not match": EndClass.FAILURE,
    "has not ended": None,
}


def table_of_classes() -> str:
    """Return which ends each value of `on` matches."""
    classes = [one for one in EndClass if one is not EndClass.TOO_LATE]
    rows = ["| | " + " | ".join(classes) + " |", "|---|" + "---|" * len(classes)]
    rows += [
        f"| on `{on}` | " + " | ".join("matches" if matches(on, one) else "no" for one in classes) + " |"
        for on in get_args(On)
    ]
    return "\n".join(rows)


def table_of_joins() -> str:
    """Return what becomes of a run that comes after two others."""
    joins: tuple[Join, ...] = get_args(Join)
    rows = ["| one upstream run | another | " + " | ".join(f"`{one}`" for one in joins) + " |"]
    rows.append("|---|---|" + "---|" * len(joins))
    for one, other in combinations_with_replacement(ENDS, 2):
        ends: list[tuple[On, EndClass | None]] = [("success", ENDS[one]), ("success", ENDS[other])]
        cells = " | ".join(WORDS[decide_join(join, ends)] for join in joins)
        rows.append(f"| {one} | {other} | {cells} |")
    return "\n".join(rows)


def test_tables_of_dependencies_in_the_docs_are_what_beat_decides() -> None:
    page = PAGE.read_text("utf-8")
    for table in (table_of_classes(), table_of_joins()):
        assert table in page, f"the table in docs/task-definition.md should be:\n{table}"


def test_each_final_state_has_the_class_that_the_docs_give() -> None:
    found = {state: end_class(state) for state in RunState if state.is_final}
    assert {state for state, ended in found.items() if ended is EndClass.FAILURE} == {
        *("failure", "timed_out", "lost"),
    }
    assert {state for state, ended in found.items() if ended is EndClass.NOT_RUN} == {
        *("skipped", "missed", "cancelled", "expired"),
    }
    assert {end_class(state) for state in RunState if not state.is_final} == {None}
