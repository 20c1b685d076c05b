"""Format, lint, types and import contracts hold: the static half of `make check`.

The examples of the documentation are checked as strictly, as modules of a user who imports the package.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.documentation import PAGES, blocks
from tests.house.repository import ROOT

pytestmark = pytest.mark.starts_early(60)

EXAMPLES = "examples_of_the_documentation"
PACKAGES_CHECKED = ("mission_control", "beat", "workers", "tests", "benchmarks")
CHECKS = {
    "the code is formatted": ["ruff", "format", "--check", "--quiet", ".", "mc"],
    "the code is linted": ["ruff", "check", "--quiet", ".", "mc"],
    "the types agree": ["mypy"],
    "the import contracts are kept": ["lint-imports"],
}


@pytest.mark.parametrize("claim", CHECKS)
def test_static_check_passes(claim: str, tmp_path: Path) -> None:
    tool, *arguments = CHECKS[claim]
    program = Path(sys.executable).with_name(tool)
    environment = {
        name: value for name, value in os.environ.items() if name not in {"MYPYPATH", "PYTHONPATH"}
    }
    if tool == "mypy":
        write_examples(tmp_path / EXAMPLES)
        arguments += [word for package in (*PACKAGES_CHECKED, EXAMPLES) for word in ("--package", package)]
        environment["MYPYPATH"] = str(tmp_path)
        if environment.get("CI") and not (ROOT / ".mypy_cache").exists():
            arguments.append(f"--cache-dir={os.devnull}")  # no later check could read it
    answer = subprocess.run(
        [program, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, f"not true that {claim}:\n{answer.stdout}{answer.stderr}"


def write_examples(folder: Path) -> None:
    """Write the Python examples of each page as modules of a package."""
    pages = {page: blocks(page, "python") for page in PAGES}
    assert pages[ROOT / "README.md"]
    folder.mkdir()
    (folder / "__init__.py").touch()
    for page, found in pages.items():
        for number, text in enumerate(found):
            (folder / f"{page.stem.lower().replace('-', '_')}_{number}.py").write_text(text, "utf-8")
