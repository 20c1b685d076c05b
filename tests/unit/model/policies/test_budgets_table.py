"""The table of budgets in the docs, made by the function that the scripts are held against."""

from __future__ import annotations

from mission_control.model.definitions.named_budget import UNKNOWN, Cap
from mission_control.model.policies.budgets import (
    SPANS,
    Verdict,
    decide_again,
    decide_budget,
    mean_after,
    span_end,
)
from tests.house.repository import ROOT

PAGE = ROOT / "docs" / "task-definition.md"
CAP = Cap(100, 3_600)
CELLS = [
    (0, 0, 20),
    (80, 0, 20),
    (81, 0, 20),
    (60, 21, 20),
    (0, 90, 20),
    (0, 0, 150),
    (1, 0, 150),
    (60, 10, UNKNOWN),
    (60, 40, UNKNOWN),
    (99, 0, 0),
    (100, 0, 0),
]


def row(spent: int, reserved: int, expected: int) -> str:
    verdict = decide_budget(CAP, [(36, spent)], reserved, expected)
    words = f"starts, and reserves {verdict.reserves}"
    if verdict.reserves is None:
        ways = ["spending leaves the window"] if verdict.frees_at is not None else []
        ways += ["reservations are given back"] if reserved else []
        words = f"skipped, until {' or '.join(ways)}"
    known = "not known" if expected == UNKNOWN else expected
    return f"| {spent} | {reserved} | {known} | {words} |"


def table() -> str:
    """Return the rows as they stand in the docs."""
    head = [
        "| spent of 100 | reserved by others | the run is expected to spend | the run |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *(row(*cells) for cells in CELLS)])


def test_table_of_budgets_in_the_docs_is_what_beat_decides() -> None:
    assert table() in PAGE.read_text("utf-8"), f"the table in docs/task-definition.md should be:\n{table()}"


AGAIN = [
    (60, 30, 10, 10, False),
    (60, 20, 10, 20, False),
    (60, 30, 10, 20, False),
    (60, 30, 10, 20, True),
    (100, 0, 0, 20, False),
    (101, 0, 0, 20, False),
    (95, 0, 10, 10, False),
    (10, 0, 50, UNKNOWN, False),
]


def row_of_another(spent: int, reserved: int, left: int, expected: int, is_lent: bool) -> str:
    verdict = decide_again(CAP, [(36, spent)], reserved, left, expected, is_lent=is_lent)
    words = f"starts, with {verdict.reserves} reserved{', lent' if verdict.is_lent else ''}"
    if verdict.reserves is None:
        words = "not begun"
    known = "not known" if expected == UNKNOWN else expected
    return f"| {spent} | {reserved} | {left} | {known} | {'yes' if is_lent else 'no'} | {words} |"


def table_of_others() -> str:
    """Return the rows about further attempts as they stand in the docs."""
    known = ["spent of 100", "reserved by others", "left of its own", "expected to spend", "lent to another"]
    head = [f"| {' | '.join(known)} | another attempt |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *(row_of_another(*cells) for cells in AGAIN)])


def test_table_of_further_attempts_in_the_docs_is_what_workers_decide() -> None:
    said = f"the table in docs/task-definition.md should be:\n{table_of_others()}"
    assert table_of_others() in PAGE.read_text("utf-8"), said


def test_budget_frees_when_enough_of_what_was_spent_has_left_the_window() -> None:
    spent = [(36, 10), (72, 50), (108, 40)]
    assert decide_budget(CAP, spent, 0, 10) == Verdict(None, 3_636)
    assert decide_budget(CAP, spent, 0, 11) == Verdict(None, 3_672)
    assert decide_budget(CAP, spent, 0, 100) == Verdict(None, 3_708)
    assert decide_budget(CAP, spent, 50, 100) == Verdict(None, None)
    assert decide_budget(CAP, [(36, 99)], 0, UNKNOWN) == Verdict(1)
    assert decide_budget(CAP, [(36, 1), (72, 99)], 0, 0) == Verdict(None, 3_636)
    assert decide_budget(CAP, [(36, 1), (72, 100)], 0, 0) == Verdict(None, 3_672)
    assert decide_budget(CAP, [(36, 250)], 0, 0) == Verdict(None, 3_636)  # one run has passed the cap


def test_amount_is_in_the_window_for_its_whole_length_and_a_hundredth_of_it_more_at_most() -> None:
    for window in (1, 59, 60, 3_600, 86_400, 366 * 86_400):
        for now in (0.0, 100.5, 1_764_266_400.0):
            assert 0 < span_end(now, window) - now <= max(1, window / SPANS + 1)


def test_mean_follows_the_last_runs() -> None:
    mean, runs = 0.0, 0
    for spent in [5.0] * 20 + [1.0] * 30:
        mean, runs = mean_after(mean, runs, spent), runs + 1
    assert 1.0 < mean < 1.2
