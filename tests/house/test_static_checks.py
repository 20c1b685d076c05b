"""Format, lint, types and import contracts hold: the static half of `make check`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.repository import ROOT

pytestmark = pytest.mark.starts_early

CHECKS = {
    "the code is formatted": ["ruff", "format", "--check", "--quiet", ".", "mc"],
    "the code is linted": ["ruff", "check", "--quiet", ".", "mc"],
    "the types agree": ["mypy"],
    "the import contracts are kept": ["lint-imports"],
}


@pytest.mark.parametrize("claim", CHECKS)
def test_static_check_passes(claim: str) -> None:
    tool, *arguments = CHECKS[claim]
    program = Path(sys.executable).with_name(tool)
    environment = {
        name: value for name, value in os.environ.items() if name not in {"MYPYPATH", "PYTHONPATH"}
    }
    answer = subprocess.run(
        [program, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, f"not true that {claim}:\n{answer.stdout}{answer.stderr}"
