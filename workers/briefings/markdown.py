"""Markdown made of text that others wrote: shown as it is, commanding nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mission_control.audit.record.masking import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST_LINE: Final = 200
LONGEST_PROBLEM: Final = 1_000
_SPECIAL = re.compile(r"([\\`*\[\]<>|])")


def plain(text: str, limit: int = LONGEST_LINE) -> str:
    r"""Return text of others as one bounded line in which nothing acts as Markdown or HTML.

    >>> print(plain("a <b> | c"))
    a \<b\> \| c
    """
    return _SPECIAL.sub(r"\\\1", _one_line(text, limit))


def code(text: str) -> str:
    """Return text of others as one bounded line of code.

    >>> code("KeyError: `x`")
    "`KeyError: 'x'`"
    """
    return f"`{_one_line(text, LONGEST_LINE).replace('`', chr(39))}`"


def section(title: str, lines: Iterable[str]) -> list[str]:
    """Return a section, or nothing if it has no lines."""
    content = list(lines)
    return [f"## {title}", "", *content, ""] if content else []


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table whose first column is text and whose others are figures, or nothing without rows."""
    content = [f"| {' | '.join(row)} |" for row in rows]
    ruler = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(head)} |", f"| {' | '.join(ruler)} |", *content] if content else []


def at_most(lines: Sequence[str], limit: int) -> list[str]:
    """Return the first `limit` lines, and how many more there are.

    >>> at_most(["- a", "- b", "- c"], 2)
    ['- a', '- b', '- … and 1 more']
    """
    hidden = len(lines) - limit
    return [*lines] if hidden <= 0 else [*lines[:limit], f"- … and {hidden:,} more"]


def unreadable(problems: Iterable[str]) -> list[str]:
    """Return why things could not be read, each with its cause, which stands at the end of a long path."""
    return [f"- {plain(problem, LONGEST_PROBLEM)}" for problem in problems]


def _one_line(text: str, limit: int) -> str:
    line = " ".join(clean_text(text, 2 * limit).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
