"""The secrets of one attempt, known by their values, and hidden in all that leaves it."""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, urlsplit

from mission_control.model.problems.secret_references import MASK

SHORTEST: Final = 4
"""Shorter values are not searched for: they stand in any text."""

_LONGEST_UNCUT: Final = 12
_CUT: Final = ("…", " …")


class KnownSecrets:
    """Hides some values in texts: as they are, escaped, in base64, and where they are cut with an ellipsis.

    Does not guarantee that a value is found which the handler has changed, or has written piece by piece.

    >>> KnownSecrets(["hunter2"]).in_text("login with hunter2 failed")
    'login with *** failed'
    >>> KnownSecrets(["a-very-long-secret"]).in_text("'a-very-long-s…' is no number")
    "'***…' is no number"
    """

    def __init__(self, values: Iterable[str]) -> None:
        spellings = {one for value in values for one in _spellings(value) if len(one) >= SHORTEST}
        self._values: Final = sorted(spellings, key=len, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._values)

    def in_text(self, text: str) -> str:
        """Return a text with the values replaced by `***`."""
        for value in self._values:
            text = text.replace(value, MASK)
            if len(value) > _LONGEST_UNCUT and "…" in text:
                text = _without_beginning(text, value)
        return text

    def in_value(self, value: Any) -> Any:  # noqa: ANN401  # JSON
        """Return a JSON value with the values replaced in its texts, names and numbers."""
        if not self._values:
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return MASK if str(value) in self._values else value
        if isinstance(value, dict):
            return {self.in_text(str(name)): self.in_value(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.in_value(one) for one in value]
        return self.in_text(value) if isinstance(value, str) else value


NO_SECRETS: Final = KnownSecrets(())


def _spellings(value: str) -> Iterator[str]:
    yield from (
        value,
        repr(value)[1:-1],
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
    )
    yield from (quote(value), quote(value, safe=""), base64.b64encode(value.encode()).decode().rstrip("="))
    yield from (line.strip() for line in value.splitlines() if len(line.strip()) > _LONGEST_UNCUT)
    if "://" in value:  # a URL is written in other ways, too; what is secret in it comes after the host
        yield from _url_parts(value)


def _url_parts(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        return
    if password is not None:
        yield password
    for part in (parts.path.strip("/"), parts.query):
        if len(part) > _LONGEST_UNCUT:
            yield part


def _without_beginning(text: str, value: str) -> str:
    """Replace beginnings of a value that are followed by an ellipsis."""
    found, at = [], 0
    while (begin := text.find(value[:_LONGEST_UNCUT], at)) >= 0:
        end = begin + _LONGEST_UNCUT
        while end < len(text) and end - begin < len(value) and text[end] == value[end - begin]:
            end += 1
        found.append(text[at:begin] + (MASK if text.startswith(_CUT, end) else text[begin:end]))
        at = end
    return "".join(found) + text[at:]
