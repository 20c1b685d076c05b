"""Values that are held on disk."""

import sqlite3

import pytest

from mission_control.errors import TaskFileError
from mission_control.files.disk_map import DiskMap


class Words(DiskMap[str]):
    def packed(self, value: str) -> bytes:
        return value.encode()

    def unpacked(self, key: str, packed: bytes) -> str:
        return f"{key}: {packed.decode()}"


def test_values_come_back_in_the_order_in_which_they_were_added() -> None:
    held = Words()
    added = [
        held.add(key, key.upper(), label) for key, label in (("b", "x"), ("a", "y"), ("b", "y"), ("c", "x"))
    ]
    assert added == [True, True, False, True]
    assert ([*held], [*held.values()], len(held)) == (["b", "a", "c"], ["b: B", "a: A", "c: C"], 3)
    assert (held["a"], held.get("d"), "a" in held, "d" in held) == ("a: A", None, True, False)
    assert (held.label("a"), held.label("d")) == ("y", None)
    assert ([*held.labelled("x")], held.counts()) == (["b", "c"], {"x": 2, "y": 1})


def test_full_disk_is_an_error_that_names_the_remedy() -> None:
    held = Words()
    rows: sqlite3.Connection = held._rows
    page = rows.execute("PRAGMA page_count").fetchone()[0]
    rows.execute(f"PRAGMA max_page_count = {page}")
    with pytest.raises(TaskFileError, match="database or disk is full; make room there"):
        assert [held.add(str(number), "x" * 1_000) for number in range(100)]
