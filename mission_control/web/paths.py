"""Names in addresses: each is one segment of a path, whatever characters it has, also `/` and `%`."""

from collections.abc import Collection
from typing import Final
from urllib.parse import quote, unquote

from starlette.convertors import CONVERTOR_TYPES, Convertor

from mission_control.model.problems.suggestions import did_you_mean, quoted

_KEPT: Final = str.maketrans({"%": "%25", "/": "%2F"})


class _Name(Convertor[str]):
    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return unquote(value)

    def to_string(self, value: str) -> str:
        return segment(value)


CONVERTOR_TYPES["id"] = _Name()
"""Routes have names of things as `{task_id:id}`; `routed` paths are what they match."""


def segment(name: object) -> str:
    """Return a name as a segment of an address.

    >>> segment("plain:a/b")
    'plain%3Aa%2Fb'
    """
    return quote(str(name), safe="")


def routed(path: str) -> str:
    """Return a quoted path as routes match it: unquoted, but for what would be taken for its parts.

    >>> routed("/runs/plain%3Aa%2Fb"), routed("/runs/50%25/why")
    ('/runs/plain:a%2Fb', '/runs/50%25/why')
    """
    return "/".join(unquote(one).translate(_KEPT) for one in path.split("/"))


def unknown_name(name: str, names: Collection[str]) -> str:
    r"""Say that a query has a parameter that is none of some.

    >>> unknown_name("limits", ["limit", "q"])
    'no query parameter is named \'limits\'; did you mean "limit"?; there are limit, q'
    """
    known = f"there are {', '.join(names)}" if names else "there are none here"
    return f"no query parameter is named {quoted(name)}{did_you_mean(name, names)}; {known}"
