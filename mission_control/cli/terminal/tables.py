"""Tables and lists of facts for people, laid out for the width at hand."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.text import Text

from mission_control.cli.terminal.layout import GAP, Column, Worth, narrowest, widest, widths_for
from mission_control.model.values.printable_text import escaped, is_visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions

Cell = str | Text

_AT_ONCE: Final = 1_000
_LONGEST_IN_BLOCK: Final = 300
_NARROW: Final = 24
_INDENT: Final = 2


class Table:
    """Rows below headings. Where room is short, columns are cut or left out by their worth, never the key.

    Where not even the key fits, each row is a block of lines. Rows are taken and laid out by the thousand.
    """

    def __init__(self, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
        self.columns = columns
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield the parts for Rich."""
        yield from self.parts(options.max_width)

    def parts(self, room: int | None, *, is_wide: bool = False, most: int | None = None) -> Iterator[Text]:
        """Yield the lines, many at a time, at most `most` rows; without `room` nothing is cut."""
        at = [i for i, one in enumerate(self.columns) if is_wide or one.worth is not Worth.WIDE]
        columns = [self.columns[i] for i in at]
        room = sys.maxsize if room is None or is_wide else room
        whole, shown = [0] * len(columns), list[int]()
        given = islice(self._rows, most)
        while some := list(islice(given, _AT_ONCE)):
            rows = [[_shown(row[i]) for i in at] for row in some]
            whole = [max(one) for one in zip(whole, *(map(_width, row) for row in rows), strict=True)]
            widths = _widths(columns, rows, whole, room)
            if not widths:
                yield _blocks(columns, rows, room)
                continue
            has_moved = room < sys.maxsize and widths[:-1] != shown[:-1]
            if any(one.name for one in columns) and (not shown or has_moved):
                yield _joined("", [_line(columns, [Text(one.name, "bold") for one in columns], widths)])
            shown = widths
            yield _joined("\n", [_line(columns, row, widths) for row in rows])


def _widths(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], whole: Sequence[int], room: int
) -> list[int]:
    natural = widest(columns, whole)
    if sum(natural) + GAP * (len(natural) - 1) <= room:
        return natural
    least = [_cut_width(one, [row[i] for row in rows], whole[i]) for i, one in enumerate(columns)]
    return widths_for(room, columns, narrowest(columns, least), natural)


def _cut_width(column: Column, cells: Sequence[Cell], whole: int) -> int:
    if column.names is not None:
        return max(map(column.names.least, map(str, cells)))
    return whole if column.least is None else min(whole, column.least)


def _line(columns: Sequence[Column], cells: Sequence[Cell], widths: Sequence[int]) -> Cell:
    parts, missing = list[Cell](), 0
    for column, cell, width in zip(columns, cells, widths, strict=True):
        if not width:
            continue
        text, room = cell, _width(cell)
        if room > width:
            text = _cut(cell, width, column)
            room = _width(text)
        blank = width - room
        parts += [" " * (missing + (blank if column.right else 0)), text]
        missing = GAP + (0 if column.right else blank)
    return _joined("", parts) if any(isinstance(one, Text) for one in parts) else "".join(map(str, parts))


def _joined(separator: str, parts: Sequence[Cell]) -> Text:
    """Return one text. Most parts have no style: there may be very many."""
    line, plain = Text(no_wrap=True), list[str]()
    for at, part in enumerate(parts):
        plain.append(separator if at else "")
        if isinstance(part, str):
            plain.append(part)
        else:
            line.append("".join(plain)).append(part)
            plain.clear()
    return line.append("".join(plain))


def _cut(cell: Cell, width: int, column: Column) -> Cell:
    if column.names is not None and isinstance(cell, str):
        return column.names.fitted(cell, width)
    text = Text(cell) if isinstance(cell, str) else cell.copy()
    text.truncate(width, overflow="ellipsis")
    return text


def _blocks(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], room: int) -> Text:
    lines = list[Text]()
    for row in rows:
        for column, cell in zip(columns, row, strict=True):
            text = Text(cell) if isinstance(cell, str) else cell.copy()
            text.truncate(_LONGEST_IN_BLOCK, overflow="ellipsis")
            lines += _labelled(column.name, text, room) if text else []
        lines.append(Text())
    return Text("\n").join(lines[:-1])


class Facts:
    """Labels with what they stand for, in whole: long lines are wrapped below their beginning."""

    def __init__(self, rows: Iterable[tuple[str, Cell]]) -> None:
        self._rows = [(escaped(label), _shown(value, but="\n")) for label, value in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield the parts for Rich."""
        yield from self.parts(options.max_width)

    def parts(self, room: int | None, *, is_wide: bool = False, most: int | None = None) -> Iterator[Text]:
        """Yield the lines; without `room` none is wrapped."""
        room = sys.maxsize if room is None or is_wide else room
        column = max((cell_len(label) for label, _ in self._rows), default=0) + GAP
        is_narrow = room - column < _NARROW
        for label, value in islice(self._rows, most):
            text = Text(value) if isinstance(value, str) else value
            if is_narrow:
                yield Text("\n").join(_labelled(label, text, room))
            else:
                first = label + " " * (column - cell_len(label))
                yield _hanging(Text(first), _wrapped(text, room - column), column)


def _labelled(label: str, text: Text, room: int) -> list[Text]:
    whole = Text.assemble((label, "bold"), ": " if label else "", text)
    first, *further = _wrapped(whole, room - _INDENT)
    return [first, *(Text(" " * _INDENT).append(line) for line in further)]


def _hanging(first: Text, lines: Sequence[Text], column: int) -> Text:
    return first.append(Text("\n" + " " * column).join(lines))


def _wrapped(text: Text, width: int) -> list[Text]:
    """Return a text in lines of at most `width`, broken at spaces where there are any."""
    found = list[Text]()
    for line in text.split("\n", allow_blank=True):
        found += _broken(line, max(width, 1))
    return found


def _broken(line: Text, width: int) -> Iterator[Text]:
    while line.cell_len > width:
        at = _break_at(line.plain, width)
        yield line[:at]
        line = line[at:]
        if line.plain.startswith(" "):
            line = line[1:]
    yield line


def _break_at(text: str, width: int) -> int:
    end = width
    while cell_len(text[:end]) > width:
        end -= 1
    space = text.rfind(" ", 1, end + 1)
    return space if space > 0 else max(end, 1)


def _shown(cell: Cell, *, but: str = "") -> Cell:
    r"""Return a cell that is one line, or has the line breaks of `but`, and commands no terminal."""
    if isinstance(cell, str):
        return escaped(cell, but=but)
    return cell if is_visible(cell.plain) else Text(escaped(cell.plain, but=but), style=cell.style)


def _width(cell: Cell) -> int:
    return cell.cell_len if isinstance(cell, Text) else cell_len(cell)
