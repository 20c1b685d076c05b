"""A text that does not show itself: what is printed, logged or put into an error is `**********`."""

from __future__ import annotations

from typing import Final


class Secret:
    """A password, a key, or a URL with one in it; `reveal()` says it."""

    HIDDEN: Final = "**********"

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Secret({self.HIDDEN!r})"

    def __str__(self) -> str:
        return self.HIDDEN
