"""The options after the '?' of a Redis URL: which there are, and what each connection takes of them.

redis-py and RedBeat read them in the URL. kombu reads only `ssl_…` and a socket's database there, and fails
with a raw `TypeError` over any other, so those go into its transport options.
"""

import math
from collections.abc import Iterable
from typing import Any, Final

LOGIN: Final = ("username", "password")

# An answer may take longer than beat or a worker blocks in one command.
_LEAST: Final = {"socket_timeout": 2, "socket_connect_timeout": 0.1, "health_check_interval": 1}
_NAMES: Final = (*_LEAST, "client_name")
_TLS: Final = "ssl_"


def option_problem(options: Iterable[tuple[str, str]], others: tuple[str, ...]) -> str | None:
    """Return what is wrong with the options of a URL that may have `others` as well; no value is quoted.

    >>> option_problem([("socket_timeout", "0.5")], ())
    "an option after '?' cannot be used: socket_timeout must be a number of seconds, at least 2"
    """
    known = (*_NAMES, *others)
    for name, value in options:
        if name not in known and not name.startswith(_TLS):
            return f"an option after '?' cannot be used: {name!r} is none of {', '.join(known)}, {_TLS}…"
        if name in _LEAST and not _LEAST[name] <= _number(value) < math.inf:
            least = f"a number of seconds, at least {_LEAST[name]:g}"
            return f"an option after '?' cannot be used: {name} must be {least}"
    return None


def for_the_url(options: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the options that kombu reads in a URL."""
    return [(name, value) for name, value in options if name not in _NAMES]


def for_the_transport(options: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the options that kombu takes as transport options.

    >>> for_the_transport([("socket_timeout", "9"), ("ssl_cert_reqs", "none")])
    {'socket_timeout': 9.0}
    """
    return {name: _number(value) if name in _LEAST else value for name, value in options if name in _NAMES}


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan
