"""Ids cut to beginnings that no other id has. Every command takes them for the whole id."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final

from mission_control.model.values.beginnings import CUT

_SHORTEST: Final = 6


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
