"""Writing to the terminal: data on stdout, messages on stderr.

Rich respects NO_COLOR and the terminal's width, and prints plain text without a terminal. Text from tasks
and handlers is never parsed as markup, and cannot control the terminal: every way out of here escapes it, and
no other module of the command line writes.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mission_control.model.values.printable_text import escaped, is_visible

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod, RenderableType
    from rich.table import Table
    from rich.text import Text

# Without a terminal nothing is cut or wrapped: the reader is a file or a program.
_UNLIMITED_WIDTH: Final = 10_000
_CELL_LIMIT: Final = 300


def echo_json(value: Any) -> None:  # noqa: ANN401  # any JSON value
    """Print a JSON value, indented."""
    sys.stdout.write(_json_text(value, indent=2) + "\n")


def echo_json_array(items: Iterable[Any]) -> None:
    """Print a JSON array, item by item."""
    separator = "[\n  "
    for item in items:
        sys.stdout.write(separator + _json_text(item))
        separator = ",\n  "
    sys.stdout.write("[]\n" if separator.startswith("[") else "\n]\n")


def echo_file(text: str) -> None:
    """Print the content of a text file on stdout, with its line ends."""
    sys.stdout.write(escaped(text, but="\r\n"))


def echo_json_line(value: Any) -> None:  # noqa: ANN401
    """Print a JSON value on one line, at once."""
    sys.stdout.write(_json_text(value) + "\n")
    sys.stdout.flush()


def _json_text(value: Any, indent: int | None = None) -> str:  # noqa: ANN401
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(one if is_visible(one) or one == "\n" else _json_escape(one) for one in text)


def _json_escape(character: str) -> str:
    return f"\\u{ord(character):04x}" if character <= "\uffff" else json.dumps(character)[1:-1]


def echo(*parts: RenderableType) -> None:
    """Print text or tables for people on stdout; a str is one line."""
    out = console()
    for part in parts:
        out.print(escaped(part) if isinstance(part, str) else part, soft_wrap=isinstance(part, str))
    sys.stdout.flush()


def echo_line(line: RenderableType) -> None:
    """Print a line on stdout at once, cut to the terminal's width."""
    console().print(line, no_wrap=True, overflow="ellipsis")
    sys.stdout.flush()


def tell(message: RenderableType) -> None:
    """Print a message for people on stderr; further lines of a str are indented."""
    out = console(stderr=True)
    out.print(_indented(message) if isinstance(message, str) else message, soft_wrap=not out.is_terminal)


def tell_issues(issues: Iterable[object]) -> None:
    """Print what keeps work from being done, and the remedy, on stderr."""
    from rich.text import Text

    for issue in issues:
        tell(Text(_indented(str(issue)), style="yellow"))


def tell_line(line: RenderableType) -> None:
    """Print a message on stderr, cut to the terminal's width."""
    console(stderr=True).print(line, no_wrap=True, overflow="ellipsis")


def tell_error(message: str) -> None:
    """Print an error on stderr."""
    from rich.text import Text

    tell(Text.assemble(("error:", "bold red"), " ", _indented(message)))


def _indented(message: str) -> str:
    # A line break in what a message quotes must not begin a message.
    return re.sub(r"\n(?! )", "\n  ", escaped(message, but="\n"))


def asks(question: str) -> bool:
    """Ask a question on the terminal, and return whether the answer is yes."""
    import rich_click as click

    return click.confirm(printable(question, limit=None), err=True)


def console(*, stderr: bool = False) -> Console:
    """Return a console on the current stdout or stderr."""
    from mission_control.cli.terminal.safe_console import SafeConsole

    made = SafeConsole(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _UNLIMITED_WIDTH
    return made


def table(
    *columns: str,
    rows: Iterable[Sequence[str | Text]],
    right: Sequence[str] = (),
    flexible: Sequence[str] = (),
    header: bool = True,
) -> Table:
    """Return a table for people; columns named in `right` are aligned to the right.

    In a narrow terminal the columns named in `flexible` shrink, by default the last one.
    """
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), show_header=header)
    for at, name in enumerate(columns, start=1):
        justify: JustifyMethod = "right" if name in right else "left"
        gives_way = name in flexible if flexible else at == len(columns)
        made.add_column(name, justify=justify, overflow="ellipsis", no_wrap=not gives_way)
    for row in rows:
        made.add_row(*(_uncut(cell) for cell in row))
    return made


def _uncut(cell: str | Text) -> Text:
    """Return a cell that is one line and cut, not wrapped; Rich narrows only columns that it may wrap."""
    from rich.text import Text

    text = Text(escaped(cell)) if isinstance(cell, str) else cell
    if not is_visible(text.plain):
        text = Text(escaped(text.plain), style=text.style)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def printable(text: str, *, limit: int | None = _CELL_LIMIT) -> str:
    r"""Return `text` without terminal control sequences; with a limit, as one line of at most that length.

    >>> printable("two\nlines \x1b[31m")
    'two lines \\x1b[31m'
    """
    if limit is not None:
        text = " ".join(text[: 2 * limit].split())
        text = text if len(text) <= limit else text[: limit - 1] + "…"
    return escaped(text, but="\n")


def as_text(value: Any) -> str:  # noqa: ANN401  # any JSON value
    """Return a handler's output, or any JSON value, on one line; nothing for None."""
    if value is None:
        return ""
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def near(path: Path | str) -> str:
    """Return a path relative to the working folder, if it lies below it."""
    from mission_control.configuration.settings import working_folder

    whole, here = Path(path).absolute(), working_folder()
    return str(whole.relative_to(here)) if here is not None and whole.is_relative_to(here) else str(whole)


def abandon_stdout() -> None:
    """Keep the interpreter from reporting a closed stdout at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
