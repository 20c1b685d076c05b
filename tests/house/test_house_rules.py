"""A few rules of the house that a machine can watch."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from tests.house.repository import OWN_FOLDERS, PACKAGES, ROOT, python_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_LINES = 250
REASON = "more than 250 lines because"
NO_NAMES = {"utils", "common", "helpers", "base", "manager", "core"}
KEY = re.compile(r"(?:mc|redbeat):")


def test_long_file_says_why() -> None:
    files = [*python_files(*OWN_FOLDERS), ROOT / "mc"]
    long = {place(path): lines(path) for path in files if lines(path) > MOST_LINES and not says_why(path)}
    assert long == {}, f"split them, or let them say '… {REASON} …'"


def test_module_name_says_something() -> None:
    assert [place(path) for path in python_files(*PACKAGES) if path.stem in NO_NAMES] == []


def test_code_has_no_open_ends() -> None:
    marks = re.compile(r"#\s*(?:TODO|FIXME|XXX)\b")
    assert [place(path) for path in python_files(*OWN_FOLDERS) if marks.search(path.read_text("utf-8"))] == []


def test_redis_keys_are_spelled_in_one_module_only() -> None:
    others = [path for path in python_files(*PACKAGES) if path.name != "redis_keys.py"]
    assert {place(path): keys for path in others if (keys := list(spelled_keys(path)))} == {}


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def says_why(path: Path) -> bool:
    return REASON in re.sub(r"[\s#]+", " ", path.read_text("utf-8"))


def spelled_keys(path: Path) -> Iterator[str]:
    """Yield the string literals that begin like one of our keys, docstrings left aside."""
    tree = ast.parse(path.read_text("utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield from [node.value] if KEY.match(node.value) else []
