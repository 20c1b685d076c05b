"""The documentation as the house tests read it: its pages, their code blocks, and the commands they name."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from tests.house.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
)
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_PROGRAMS = ("./mc", "mission-control", ".venv/bin/mission-control", "uv run mission-control")


def name_of(page: Path) -> str:
    """Return a page's place in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    return [text for found, text in _BLOCK.findall(page.read_text("utf-8")) if found == language]


def spans(page: Path) -> list[str]:
    """Return what a page has in single backticks."""
    return _SPAN.findall(_BLOCK.sub("", page.read_text("utf-8")))


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words after the program's name of each of our commands that a page shows."""
    lines = [line for text in blocks(page, "sh") for line in text.replace("\\\n", " ").splitlines()]
    for line in [*lines, *spans(page)]:
        for program in _PROGRAMS:
            if line.startswith(f"{program} "):
                yield shlex.split(line.removeprefix(program), comments=True)
