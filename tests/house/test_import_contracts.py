"""The import contracts refuse what they should: each sin, in a copy of the packages, breaks the build."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.repository import PACKAGES, ROOT

SINS = {
    "a handler imports worker internals": (
        "workers/handlers/hello.py",
        "from workers.attempt import attempt",
        "handlers use the library, and nothing else of the workers",
    ),
    "a lower room imports the command line": (
        "mission_control/ledger/ledger.py",
        "from mission_control.cli.terminal import output",
        "in mission_control every room stands on its floor, and the arrows point down",
    ),
    "a module stands on no floor": (
        "mission_control/loose.py",
        "",
        "in mission_control every room stands on its floor, and the arrows point down",
    ),
    "the model reads Redis": (
        "mission_control/model/policies/retry.py",
        "import redis",
        "the model knows no Redis and no Celery",
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the packages."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_copy_as_it_is_keeps_all_contracts(copy: Path) -> None:
    assert broken_contracts(copy) == []


@pytest.mark.parametrize("sin", SINS)
def test_forbidden_import_in_a_copy_breaks_its_contract(sin: str, copy: Path) -> None:
    file, line, contract = SINS[sin]
    sinner = copy / file
    old = sinner.read_text("utf-8") if sinner.exists() else ""
    sinner.write_text(f"{old}\n{line}\n", "utf-8")
    assert contract in broken_contracts(copy)


def broken_contracts(copy: Path) -> list[str]:
    """Return the names of the contracts that import-linter finds broken in a copy."""
    answer = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    broken = [
        line.removesuffix("BROKEN").strip() for line in answer.stdout.splitlines() if line.endswith("BROKEN")
    ]
    assert (answer.returncode == 0) == (broken == []), answer.stdout + answer.stderr
    return broken
