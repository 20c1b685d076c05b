"""Every decision in docs/adr/ is short, in order, and held by tests that are there."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.house.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
MOST_LINES = 60
PARTS = ("## Context", "## Decision", "## Consequences", "Held by:")
TEST = re.compile(r"`(tests/[\w./]+\.py)::(test_\w+)`")


def test_decisions_are_numbered_from_one_without_gaps() -> None:
    numbers = [int(path.name.partition("-")[0]) for path in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_decision_has_its_parts_in_order_and_is_short(page: Path) -> None:
    text = page.read_text("utf-8")
    places = [text.find(part) for part in PARTS]
    assert -1 not in places
    assert places == sorted(places)
    assert len(text.splitlines()) <= MOST_LINES
    assert text.startswith(f"# {page.name[:4]} — ")


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_decision_is_held_by_existing_tests(page: Path) -> None:
    named = TEST.findall(page.read_text("utf-8").partition("Held by:")[2])
    assert named, "it names no test"
    assert [f"{file}::{test}" for file, test in named if test not in names_of_tests(ROOT / file)] == []


def names_of_tests(file: Path) -> set[str]:
    if not file.exists():
        return set()
    tree = ast.parse(file.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
