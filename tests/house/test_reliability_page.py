"""Each promise of docs/reliability.md is held by a test that is there."""

from __future__ import annotations

import ast
import re

from tests.house.repository import ROOT

TEST = re.compile(r"`(tests/[\w./]+\.py)::(test_\w+)`")
HEAD = "| what breaks |"


def test_every_row_of_the_fault_table_names_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    faults = page.partition("## Faults")[2].splitlines()
    rows = [line for line in faults if line.startswith("| ") and not line.startswith(HEAD)]
    assert [row for row in rows if not TEST.search(row)] == []
    missing = [f"{file}::{test}" for file, test in TEST.findall(page) if test not in names_of_tests(file)]
    assert missing == []


def names_of_tests(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
