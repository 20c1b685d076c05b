"""Which columns of a table are shown where room is short, and how wide each is."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from mission_control.cli.terminal.short_names import ShortNames

GAP: Final = 2
_HEADING: Final = 9


class Worth(IntEnum):
    """What a column is worth. Where room is short, the columns worth least are left out first."""

    WIDE = 0  # only with -o wide
    LOW = 1
    USUAL = 2
    HIGH = 3
    KEY = 4  # never left out


@dataclass(frozen=True)
class Column:
    """A column: its heading, its worth, and how far its cells may be cut.

    Text may be cut to the width `least`, names to the beginnings in `names`; without either, cells are whole.
    """

    name: str
    worth: Worth = Worth.USUAL
    least: int | None = None
    right: bool = False
    names: ShortNames | None = None


def widest(columns: Sequence[Column], cells: Sequence[int]) -> list[int]:
    """Return how wide each column is if nothing is cut, by the width of its widest cell."""
    return [max(cell, len(column.name)) for column, cell in zip(columns, cells, strict=True)]


def narrowest(columns: Sequence[Column], cells: Sequence[int]) -> list[int]:
    """Return how wide each column is at least, by the width of its widest cell when cut."""
    found = zip(columns, cells, strict=True)
    return [max(cell, min(len(column.name), _HEADING, column.least or _HEADING)) for column, cell in found]


def widths_for(room: int, columns: Sequence[Column], least: Sequence[int], whole: Sequence[int]) -> list[int]:
    """Return how wide each column is in `room`, 0 for one that is left out; nothing if not even the key fits.

    >>> columns = [Column("task", Worth.KEY), Column("output", Worth.KEY, least=10), Column("took")]
    >>> widths_for(40, columns, [4, 10, 5], [4, 60, 5])
    [4, 27, 5]
    >>> widths_for(20, columns, [4, 10, 5], [4, 60, 5])
    [4, 14, 0]
    >>> widths_for(12, columns, [4, 10, 5], [4, 60, 5])
    []
    """
    shown = [at for at, width in enumerate(whole) if width]
    while (spare := room - sum(least[at] + GAP for at in shown) + GAP) < 0:
        given_up = min(shown, key=lambda at: (columns[at].worth, -at))
        if columns[given_up].worth is Worth.KEY:
            return []
        shown.remove(given_up)
    found = [width if at in shown else 0 for at, width in enumerate(least)]
    while spare > 0 and (cut := [at for at in shown if found[at] < whole[at]]):
        for at in cut:
            more = min(max(1, spare // len(cut)), spare, whole[at] - found[at])
            found[at] += more
            spare -= more
    return found
