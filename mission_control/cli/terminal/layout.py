"""Which columns of a table are shown where room is short, how wide each is, and how short an id may be."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Final

from mission_control.model.values.identifiers import CUT

_SHORTEST: Final = 6
GAP: Final = 2
_HEADING: Final = 9


class ShortNames:
    """Cuts ids of tasks, or of runs: what is before the `@` and what is after it, each for itself.

    `known` returns all ids there are. It is called only if one must be cut.
    """

    def __init__(self, known: Callable[[], Iterable[str]]) -> None:
        self._known = known

    def least(self, name: str) -> int:
        """Return how short a name can be."""
        return len(self.fitted(name, 0))

    def fitted(self, name: str, room: int) -> str:
        """Return a name in `room`, or as short as it can be.

        >>> names = ShortNames(lambda: ["reports-nightly@20260301", "reports-daily@20260301"])
        >>> names.fitted("reports-nightly@20260301", 20), names.fitted("reports-nightly@20260301", 99)
        ('reports-ni…@20260301', 'reports-nightly@20260301')
        """
        if len(name) <= room:
            return name
        head, separator, tail = name.partition("@")
        short = _cut(head, room - len(separator + tail), self._heads) + separator
        return short + _cut(tail, room - len(short), self._tails.get(head, ()))

    @cached_property
    def _tails(self) -> Mapping[str, Sequence[str]]:
        found = defaultdict[str, list[str]](list)
        for name in sorted(self._known()):
            head, _, tail = name.partition("@")
            found[head].append(tail)
        return found

    @cached_property
    def _heads(self) -> Sequence[str]:
        return sorted(self._tails)


def _cut(name: str, room: int, known: Sequence[str]) -> str:
    if len(name) <= room:
        return name
    at = bisect_left(known, name)
    others = [other for other in known[max(at - 1, 0) : at + 2] if other != name]
    unique = max((_common(name, other) for other in others), default=0) + 1
    short = name[: max(unique, _SHORTEST, room - len(CUT))] + CUT
    return short if len(short) < len(name) else name


def _common(name: str, other: str) -> int:
    """Return how many characters two names begin with in common."""
    pairs = zip(name, other, strict=False)
    return next((at for at, (one, two) in enumerate(pairs) if one != two), min(len(name), len(other)))


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
