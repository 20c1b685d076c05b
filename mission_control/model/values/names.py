"""Names of which there may be very many, to be shown: only the first are held."""

from collections.abc import Sequence
from typing import Final

_HELD: Final = 100


class Names(list[str]):
    """The first 100 of some names, and how many `more` there are."""

    more: int = 0

    def add(self, name: str) -> None:
        """Add a name."""
        if len(self) < _HELD:
            self.append(name)
        else:
            self.more += 1

    def add_all(self, others: Sequence[str]) -> None:
        """Add others."""
        for one in others:
            self.add(one)
        self.more += others.more if isinstance(others, Names) else 0
