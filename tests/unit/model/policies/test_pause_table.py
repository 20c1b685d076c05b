"""The tables of pauses, circuit breakers and debouncing in the docs, made by the functions that decide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mission_control.model.policies.overlap import Debounce
from mission_control.model.policies.pause import PauseKind, PauseLayer, cause_of, opened
from tests.house.repository import ROOT

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PAUSED_UNTIL = NINE + 10 * MINUTE
SEEN = [(-1, -1), (0, 0), (-1, 1), (9, 9), (10, 10), (9, 11), (-1, 11)]
"""In which minute from nine an occurrence is due, and in which beat sees it."""

FAILURES = [0, 2, 3, 4, 5, 6, 1_000]
PROBE_AFTER = [3_600.0, 14_400.0, 86_400.0]
CALLS = [0, 9, 18, 24]


def pauses() -> str:
    """Return the rows about a pause from 09:00 until 09:10."""
    layer, rows = PauseLayer(PauseKind.ALL, "", since=NINE, who="ada", until=PAUSED_UNTIL), []
    for due, now in ((NINE + due * MINUTE, NINE + now * MINUTE) for due, now in SEEN):
        word = "runs" if cause_of([layer], due, now) is None else "skipped"
        rows.append(f"| {due:%H:%M} | {now:%H:%M} | {word} |")
    return "\n".join(
        ["| due at | seen by beat at | with a pause from 09:00 until 09:10 |", "|---|---|---|", *rows]
    )


def breakers() -> str:
    """Return the rows about a breaker that opens at the third failure."""
    words = []
    for failures in FAILURES:
        layer = opened("a", failures, after=3, probe_after=PROBE_AFTER, last_failed="a@1", now=NINE)
        hours = None if layer is None or layer.until is None else (layer.until - NINE) / timedelta(hours=1)
        words.append("closed" if hours is None else f"{hours:g} h")
    numbers = " | ".join(f"{failures:,}" for failures in FAILURES)
    head = [f"| failed runs in a row | {numbers} |", "|---|" + "---|" * len(FAILURES)]
    return "\n".join([*head, f"| the next probe after | {' | '.join(words)} |"])


def windows() -> str:
    """Return the rows about the window of calls that follow one another."""
    debounce = Debounce("a", timedelta(seconds=10), timedelta(seconds=25))
    ends = [debounce.ends_at(NINE + timedelta(seconds=call), NINE) - NINE for call in CALLS]
    head = [f"| a call at second | {' | '.join(map(str, CALLS))} |", "|---|" + "---|" * len(CALLS)]
    return "\n".join([*head, f"| the window ends at | {' | '.join(f'{one.seconds}' for one in ends)} |"])


@pytest.mark.parametrize(
    ("page", "table"),
    [
        ("task-definition.md", pauses()),
        ("task-definition.md", breakers()),
        ("producers.md", windows()),
    ],
    ids=["pauses", "breakers", "debouncing"],
)
def test_tables_in_the_docs_are_what_is_decided(page: str, table: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    assert table in text, f"the table in docs/{page} should be:\n{table}"
