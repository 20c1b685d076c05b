"""Each promise of docs/reliability.md is held by a test that is there."""

from __future__ import annotations

import ast
import re

from tests.house.repository import ROOT

TEST = re.compile(r"`(tests/[\w./]+\.py)::(test_\w+)`")


def test_fault_is_held_by_existing_tests() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    faults, tests = page.partition("## Faults")[2].split("## The tests of the faults")
    numbers = re.findall(r"^(\d+)\. \*\*", faults, re.MULTILINE)
    rows = [line for line in tests.splitlines() if re.match(r"\| \d+ \|", line)]
    assert numbers == [str(number) for number in range(1, len(rows) + 1)]
    assert [row.split("|")[1].strip() for row in rows] == numbers
    assert [row for row in rows if not TEST.search(row)] == []
    missing = [f"{file}::{test}" for file, test in TEST.findall(page) if test not in names_of_tests(file)]
    assert missing == []


def names_of_tests(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
