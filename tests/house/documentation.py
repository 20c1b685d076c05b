"""The documentation as the house tests read it: its pages, their code blocks, and the commands they name."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
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
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^>]+) -->\n)?"
    r"```(?P<language>\w*)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_PROMPT = re.compile(r"^\$ (.*)\n", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_PROGRAMS = ("./mc", "mission-control", ".venv/bin/mission-control", "uv run mission-control")


def name_of(page: Path) -> str:
    """Return a page's place in the repository."""
    return page.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """A code block: its place, the file of which it is the text, and why it is not run, if it is not."""

    place: str
    language: str
    file: str | None
    text: str
    reason: str | None

    def typed(self) -> list[tuple[str, str | None]]:
        """Return the lines to type, each with what the page shows of its output, or None."""
        text = self.text.replace("\\\n", " ")
        if self.language == "sh":
            return [(line, None) for line in text.splitlines()]
        parts = _PROMPT.split(text)[1:] if self.language == "console" else []
        return list(zip(parts[::2], parts[1::2], strict=True))


def all_blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page."""
    text = page.read_text("utf-8")
    return [
        Block(
            place=f"{name_of(page)}:{text.count(chr(10), 0, found.start('language')) + 1}",
            language=found["language"],
            file=found["file"],
            text=found["text"],
            reason=found["reason"],
        )
        for found in _BLOCK.finditer(text)
    ]


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    return [block.text for block in all_blocks(page) if block.language == language]


def spans(page: Path) -> list[str]:
    """Return what a page has in single backticks."""
    return _SPAN.findall(_BLOCK.sub("", page.read_text("utf-8")))


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words after the program's name of each of our commands that a page shows."""
    lines = [line for block in all_blocks(page) for line, _ in block.typed()]
    for line in [*lines, *spans(page)]:
        for program in _PROGRAMS:
            if line.startswith(f"{program} "):
                yield shlex.split(line.removeprefix(program), comments=True)
