"""Tables in terminals of every width, and in pipes."""

from __future__ import annotations

import re
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from mission_control.cli.terminal.layout import Column, ShortNames, Worth
from mission_control.cli.terminal.tables import Facts, Table
from mission_control.model.values.identifiers import begun_with

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mission_control.cli.terminal.tables import Cell

IDS = [
    f"customer-reports-of-{place}-nightly-aggregation-and-delivery@20260301T0{number}0000Z"
    for number, place in enumerate(("africa", "america", "asia"))
]
ALIKE = [f"{'customer-reports-nightly-' * 2}{number}" for number in range(3)]
ERROR = " ".join(f"line {number} of a long error" for number in range(20))
ROWS: list[tuple[Cell, ...]] = [
    (IDS[0], Text("failure", "red"), "2", "1 h 12 min ago", ERROR, "reports"),
    (IDS[1], "running", "1", "12 s ago", "", "reports"),
    (IDS[2], "skipped", "", "3 d ago", "paused: maintenance", "reports"),
]


def shown(room: int | None, rows: Iterable[tuple[Cell, ...]] = ROWS, **options: Any) -> list[str]:
    columns = (
        Column("run", Worth.KEY, names=ShortNames(lambda: IDS)),
        Column("state", Worth.KEY),
        Column("attempt", Worth.LOW, right=True),
        Column("since"),
        Column("output", Worth.KEY, least=16),
        Column("queue", Worth.WIDE),
    )
    parts = Table(columns, rows).parts(room, **options)
    return [line for part in parts for line in part.plain.splitlines()]


@pytest.mark.parametrize("room", [80, 100, 160])
def test_state_and_reason_are_shown_in_every_usual_width(room: int) -> None:
    lines = shown(room)
    assert all(cell_len(line) <= room for line in lines)
    heading, *rows = lines
    assert heading.split()[:2] == ["run", "state"]
    for line, id_, words in zip(rows, IDS, ("failure line 0", "running", "skipped paused: mai"), strict=True):
        name, *rest = line.split()
        assert begun_with(name, IDS) == [id_]  # what is shown of an id means that run alone
        assert [one for one in words.split() if not any(two.startswith(one) for two in rest)] == []


def test_columns_worth_least_are_left_out_first() -> None:
    rows = [("tea@1", "failure", "2", "1 h ago", "out of milk and sugar", "default")]
    assert shown(60, rows)[0].split() == ["run", "state", "attempt", "since", "output"]
    assert shown(42, rows)[0].split() == ["run", "state", "since", "output"]
    assert shown(34, rows)[0].split() == ["run", "state", "output"]
    assert shown(34, rows)[1] == "tea@1  failure  out of milk and s…"


def test_ids_of_which_no_beginning_is_unique_are_shown_whole_in_blocks() -> None:
    columns = [Column("task", Worth.KEY, names=ShortNames(lambda: ALIKE)), Column("next run", Worth.KEY)]
    (part,) = Table(columns, [(one, "2026-03-01 09:00:00") for one in ALIKE]).parts(60)
    assert part.plain.splitlines()[:2] == [f"task: {ALIKE[0]}", "next run: 2026-03-01 09:00:00"]


def test_terminal_of_20_columns_shows_each_row_as_a_block() -> None:
    lines = shown(20)
    assert max(map(cell_len, lines)) <= 20
    assert [line for line in lines if line.startswith("state: ")] == [
        "state: failure",
        "state: running",
        "state: skipped",
    ]
    whole = "".join(line.strip() for line in lines)
    assert all(one in whole for one in IDS)


def test_nothing_is_cut_in_a_pipe_or_on_request() -> None:
    for lines in (shown(None), shown(40, is_wide=True)):
        assert all(id_ in line for id_, line in zip(IDS, lines[1:], strict=True))
        assert ERROR in lines[1]
    assert "queue" in shown(40, is_wide=True)[0]
    assert "queue" not in shown(None)[0]


def test_long_table_is_laid_out_part_by_part_in_little_memory() -> None:
    rows = (("tea@1", "success", "1", "now", f"row {number}", "default") for number in range(1_000, 9_999))
    columns = (Column("run", Worth.KEY), *(Column(name, Worth.KEY) for name in ("a", "b", "c", "d", "e")))
    parts = Table(columns, rows).parts(80)
    tracemalloc.start()
    count = sum(len(next(parts).plain.splitlines()) for _ in range(3))  # the heading is a part, too
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 2_001
    assert peak < 10 * 1024 * 1024
    assert next(rows)[4] == "row 3000"  # the others are not even read yet


@given(st.sets(st.text("ab-", min_size=1, max_size=12), min_size=1), st.integers(0, 12), st.data())
def test_cut_id_means_the_whole_one(heads: set[str], room: int, data: st.DataObject) -> None:
    ids = [f"{head}@{data.draw(st.text('01', min_size=1, max_size=9))}" for head in sorted(heads)]
    names = ShortNames(lambda: ids)
    for one in ids:
        assert begun_with(names.fitted(one, room), ids) == [one]
        assert len(names.fitted(one, room)) <= max(room, names.least(one))


def lines_of(room: int | None, *rows: tuple[str, Cell]) -> list[str]:
    return [line for part in Facts(rows).parts(room) for line in part.plain.splitlines()]


@pytest.mark.parametrize("room", [20, 40, 80, 160])
def test_facts_are_wrapped_and_never_cut(room: int) -> None:
    traceback = "\n".join(f"  File handler.py, line {number}, in run" for number in range(20))
    lines = lines_of(room, ("state", Text("failure")), ("error", traceback), ("wide", "世界" * 30))
    assert max(map(cell_len, lines)) <= room
    assert re.sub(r"\s", "", "".join(lines)).count("File") == 20
    assert "".join(lines).count("世") == 30
    assert len([line for line in lines if not line.startswith(" ")]) == 3  # no line of a value is a label


def test_facts_in_a_pipe_keep_their_lines() -> None:
    assert lines_of(None, ("state", "failure"), ("error", "one\ntwo " + "x" * 9_000)) == [
        "state  failure",
        "error  one",
        f"       two {'x' * 9_000}",
    ]


def test_table_that_grows_prints_its_heading_again() -> None:
    def rows() -> Iterator[tuple[Cell, ...]]:
        for number in range(1_500):
            since = "now" if number < 1_000 else "1 h 12 min ago"
            yield ("tea@1", "success", "", since, "fine", "default")

    assert sum(line.startswith("run") for line in shown(80, rows())) == 2
    assert sum(line.startswith("run") for line in shown(None, rows())) == 1
