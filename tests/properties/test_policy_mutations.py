"""Policy functions with a small mistake in them: a test notices.

A few mutants are tried. `make chaos` tries all of them: MUTANTS says of how many functions, 0 for all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict

from tests.house.repository import ROOT

SAMPLE = int(os.environ.get("MUTANTS", "6"))
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for room in ("policies", "composition")
    for file in sorted((ROOT / "mission_control" / "model" / room).glob("[a-z]*.py"))
]
TESTS = ("tests/unit/model/policies", "tests/unit/model/composition", "tests/unit/test_doctests.py")
MOST_ALIKE = 0.06
"""How many of all mutants may behave as the function does, as far as the tests see."""


def test_mutants_of_policy_functions_are_caught() -> None:
    command = [sys.executable, "-m", "tests.mutation.run", "--sample", str(SAMPLE)]
    done = subprocess.run(
        [*command, "--modules", *MODULES, "--tests", *TESTS],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=1_800,
        text=True,
        check=False,
    )
    tried: dict[str, list[bool]] = defaultdict(list)
    alike = []
    for line in done.stdout.splitlines():
        module, function, words, is_caught = json.loads(line)
        tried[f"{module}.{function}"].append(is_caught)
        alike += [] if is_caught else [words]
    assert len(tried) >= (SAMPLE or 80)
    assert [name for name, caught in tried.items() if not any(caught)] == [], "\n".join(alike)
    assert len(alike) <= MOST_ALIKE * sum(map(len, tried.values())), "\n".join(alike)
