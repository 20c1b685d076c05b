"""The table of named limits in the docs, made by the functions that the ledger's scripts are held against."""

from __future__ import annotations

from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.model.policies.limits import arrival_after, fits, next_start
from tests.house.repository import ROOT

PAGE = ROOT / "docs" / "task-definition.md"
RATES = [("30/m", 1), ("30/m", 5), ("1/10s", 1)]
RUNS = 7
SLOTS = [(2, 0, 1), (2, 1, 1), (2, 2, 1), (2, 0, 2), (2, 1, 2), (2, 0, 3), (2, 1, 3)]


def slots() -> str:
    """Return the rows about slots as they stand in the docs."""
    rows = ["| `concurrency` | in use | `weight` | the run |", "|---|---|---|---|"]
    for concurrency, used, weight in SLOTS:
        word = "starts" if fits(concurrency, used=used, called=0, weight=weight) else "waits"
        rows.append(f"| {concurrency} | {used} | {weight} | {word} |")
    return "\n".join(rows)


def starts(rate: str, burst: int) -> list[str]:
    """Return after how many seconds each of some runs starts that are due at once."""
    interval, arrival, found = NamedLimit(name="a", rate=rate).interval, 0.0, []
    for _ in range(RUNS):
        start = next_start(arrival, 0.0, interval=interval, burst=burst, weight=1)
        arrival = arrival_after(arrival, start, interval=interval, weight=1)
        found.append(f"{start:g}")
    return found


def rates() -> str:
    """Return the rows about rates as they stand in the docs."""
    numbers = " | ".join(f"run {at}" for at in range(1, RUNS + 1))
    rows = [f"| `rate`, `burst` | {numbers} |", "|---|" + "---|" * RUNS]
    rows += [f"| `{rate}`, {burst} | {' | '.join(starts(rate, burst))} |" for rate, burst in RATES]
    return "\n".join(rows)


def test_tables_of_limits_in_the_docs_are_what_the_ledger_decides() -> None:
    page = PAGE.read_text("utf-8")
    for table in (slots(), rates()):
        assert table in page, f"a table in docs/task-definition.md should be:\n{table}"
