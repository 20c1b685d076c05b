from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [file for room in ("mission_control", "beat", "workers") for file in (ROOT / room).rglob("*.py")]
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts) for file in FILES if ">>> " in file.read_text()
]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_docstring_examples_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
