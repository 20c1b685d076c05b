"""Writing to the terminal: data on stdout, messages on stderr.

Rich respects NO_COLOR and the terminal's width, and prints plain text without a terminal. Text from tasks
and handlers is never parsed as markup, and cannot control the terminal: every way out of here escapes it, and
no other module of the command line writes.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from mission_control.model.values.printable_text import escaped, is_visible

if TYPE_CHECKING:
    from mission_control.cli.terminal.layout import Column
    from mission_control.cli.terminal.tables import Cell, Facts, Table

# Without a terminal nothing is cut or wrapped: the reader is a file or a program.
_UNLIMITED_WIDTH: Final = 10_000

OUTPUT: Final = "mission_control.output"
"""Where the context of a command has the answer to `-o`."""

_frames: Final = list["Console"]()


class SafeConsole(Console):
    """A Rich console that escapes what cannot be shown, wherever the text comes from; styles stay."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Return the segments of `renderable`."""
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else escaped(segment.text, but="\n")
            yield segment if text is segment.text else Segment(text, segment.style)


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
        if isinstance(part, str):
            out.print(escaped(part), soft_wrap=True)
        elif (parts_of := getattr(part, "parts", None)) is not None:
            for lines in parts_of(_room(out), is_wide=is_wide(), most=out.height if _frames else None):
                if lines.spans:
                    out.print(lines, soft_wrap=True)
                else:  # many rows have no style, of which Rich would make a text each
                    out.file.write(lines_of(lines.plain) + "\n")
        else:
            out.print(part)
    sys.stdout.flush()


def _room(out: Console) -> int | None:
    return out.width if out.is_terminal or "COLUMNS" in os.environ else None


def is_wide() -> bool:
    """Return whether the command line asks for every column, and nothing cut: `-o wide`."""
    import rich_click as click

    context = click.get_current_context(silent=True)
    return context is not None and context.meta.get(OUTPUT) == "wide"


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

    return click.confirm(lines_of(question), err=True)


def console(*, stderr: bool = False) -> Console:
    """Return a console on the current stdout or stderr."""
    if _frames and (not stderr or _frames[-1].is_terminal):
        return _frames[-1]
    made = SafeConsole(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _UNLIMITED_WIDTH
    return made


@contextmanager
def frame() -> Iterator[io.StringIO]:
    """Keep what is printed for people inside, as the terminal at hand would show it."""
    real, kept = console(), io.StringIO()
    made = SafeConsole(file=kept, highlight=False, markup=False, emoji=False, force_terminal=real.is_terminal)
    made.size = real.size
    _frames.append(made)
    try:
        yield kept
    finally:
        _frames.pop()


def table(*columns: Column, rows: Iterable[Sequence[Cell]]) -> Table:
    """Return a table for people; its columns say what gives way in a narrow terminal."""
    from mission_control.cli.terminal.tables import Table

    return Table(columns, rows)


def facts(rows: Iterable[tuple[str, Cell]]) -> Facts:
    """Return labels with what they stand for, which is shown in whole."""
    from mission_control.cli.terminal.tables import Facts

    return Facts(rows)


def printable(text: str, *, limit: int | None = None) -> str:
    r"""Return `text` as one line without terminal control sequences; with a limit, at most that long.

    >>> printable("two\nlines \x1b[31m"), printable("long", limit=3)
    ('two lines \\x1b[31m', 'lo…')
    """
    text = " ".join((text if limit is None else text[: 2 * limit]).split())
    return escaped(text if limit is None or len(text) <= limit else text[: limit - 1] + "…")


def lines_of(text: str) -> str:
    """Return `text` with its line breaks, but without terminal control sequences."""
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
