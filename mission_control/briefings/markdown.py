"""Markdown made of text that others wrote: shown as it is, commanding nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mission_control.audit.masking import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST_LINE: Final = 200
_SPECIAL = re.compile(r"([\\`*\[\]<>|])")


def plain(text: str) -> str:
    r"""Return text of others as one bounded line in which nothing acts as Markdown or HTML.

    >>> print(plain("a <b> | c"))
    a \<b\> \| c
    """
    return _SPECIAL.sub(r"\\\1", _one_line(text))


def code(text: str) -> str:
    """Return text of others as one bounded line of code.

    >>> code("KeyError: `x`")
    "`KeyError: 'x'`"
    """
    return f"`{_one_line(text).replace('`', chr(39))}`"


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


def _one_line(text: str) -> str:
    line = " ".join(clean_text(text, 2 * LONGEST_LINE).split())
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"
