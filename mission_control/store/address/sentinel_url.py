"""The URL of a Redis that Sentinels name: `sentinel://host:26379/0;sentinel://host:26379/0?master_name=…`.

Celery's spelling, with the master's name in the query, where kombu has an option for it. Only kombu
reads such a URL: redis-py and RedBeat take what it says as arguments, see `sentinel_connection`.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

SCHEMES = {"sentinel": False, "redis-sentinel": False, "rediss-sentinel": True}
"""What a URL may begin with, and whether that means TLS; RedBeat and others write the longer ones."""

DEFAULT_PORT = 26_379
_OWN_OPTIONS = ("master_name", "sentinel_username", "sentinel_password")


@dataclass(frozen=True)
class SentinelAddress:
    """What a Sentinel URL says: who is asked, for which master, and how to log in to either."""

    sentinels: tuple[tuple[str, int], ...]
    master_name: str
    database: int
    username: str | None
    password: str | None
    sentinel_username: str | None
    sentinel_password: str | None
    uses_tls: bool
    options: tuple[tuple[str, str], ...]
    """What else stands after the '?', as redis-py reads it in any URL (`socket_timeout`, `ssl_ca_certs`)."""


def is_sentinel_url(url: str) -> bool:
    """Whether a URL names Sentinels.

    >>> is_sentinel_url("sentinel://a:26379;sentinel://b:26379?master_name=mymaster")
    True
    >>> is_sentinel_url("redis://localhost:6379/0")
    False
    """
    return url.strip().partition("://")[0] in SCHEMES


def read_sentinel_url(url: str) -> SentinelAddress:
    """Take a URL apart that names Sentinels. What is said of one of them, but for its host, holds for all.

    Raises:
        ValueError: says what is wrong with it, without quoting it.

    >>> address = read_sentinel_url("sentinel://:secret@a/1;sentinel://b:26380?master_name=mymaster")
    >>> address.sentinels, address.master_name, address.database, address.password
    ((('a', 26379), ('b', 26380)), 'mymaster', 1, 'secret')
    """
    parts = _parts(url)
    options = dict(pair for part in parts for pair in parse_qsl(part.query, keep_blank_values=True))
    if not options.get("master_name"):
        raise ValueError("it does not name the master: end it with '?master_name=mymaster'")
    return SentinelAddress(
        sentinels=tuple(_host(part) for part in parts),
        master_name=options["master_name"],
        database=int(_one_of({part.path.strip("/") for part in parts}, "database") or 0),
        username=_text(_one_of({part.username for part in parts}, "user")),
        password=_text(_one_of({part.password for part in parts}, "password")),
        sentinel_username=options.get("sentinel_username"),
        sentinel_password=options.get("sentinel_password"),
        uses_tls=SCHEMES[_scheme(url)],
        options=tuple((key, value) for key, value in options.items() if key not in _OWN_OPTIONS),
    )


def one_spelling(url: str) -> str:
    """Return the URL as it is shown and compared: every scheme written out, the login with the first.

    >>> one_spelling("redis-sentinel://:secret@a;b:26380/1?master_name=mymaster")
    'sentinel://:secret@a:26379/1;sentinel://b:26380/1?master_name=mymaster'
    """
    address = read_sentinel_url(url)
    scheme = "rediss-sentinel" if address.uses_tls else "sentinel"
    first, *others = _places(address)
    own = ((name, getattr(address, name)) for name in _OWN_OPTIONS)
    query = urlencode([*((name, value) for name, value in own if value is not None), *address.options])
    return ";".join(f"{scheme}://{place}" for place in (_login(url) + first, *others)) + f"?{query}"


def kombu_spelling(url: str) -> str:
    """Return the URL as kombu reads it: each Sentinel with the login, for it goes on with any of them.

    >>> kombu_spelling("rediss-sentinel://:secret@a;b/1?master_name=mymaster")
    'sentinel://:secret@a:26379/1;sentinel://:secret@b:26379/1'
    """
    login = _login(url)
    return ";".join(f"sentinel://{login}{place}" for place in _places(read_sentinel_url(url)))


def _scheme(url: str) -> str:
    return url.strip().partition("://")[0]


def _parts(url: str) -> list[SplitResult]:
    return [_part(piece, _scheme(url)) for piece in url.strip().split(";") if piece.strip()]


def _part(piece: str, scheme: str) -> SplitResult:
    found, separator, rest = piece.strip().partition("://")
    if separator and found != scheme:
        raise ValueError(f"its parts have different schemes, {scheme!r} and {found!r}")
    try:
        # A scheme that urlsplit knows to have a host, a path and a query.
        part = urlsplit(f"http://{rest if separator else found}")
    except ValueError:
        raise ValueError("it cannot be taken apart") from None
    if part.fragment:
        raise ValueError("it has a '#'")
    if re.fullmatch(r"/?\d*/?", part.path) is None:
        raise ValueError("the database after a host is not a number")
    if not part.hostname:
        raise ValueError("the host of a Sentinel is missing")
    return part


def _host(part: SplitResult) -> tuple[str, int]:
    try:
        port = part.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("the port of a Sentinel is not a number from 1 to 65535")
    return str(part.hostname), DEFAULT_PORT if port is None else port


def _one_of(said: set[str | None], what: str) -> str | None:
    values = {value for value in said if value}
    if len(values) > 1:
        raise ValueError(f"its parts do not agree on the {what}")
    return values.pop() if values else None


def _text(quoted: str | None) -> str | None:
    return None if quoted is None else unquote(quoted)


def _login(url: str) -> str:
    """The login as it is written, with its '@'."""
    return next((f"{part.netloc.rpartition('@')[0]}@" for part in _parts(url) if "@" in part.netloc), "")


def _places(address: SentinelAddress) -> list[str]:
    hosts = ((f"[{host}]" if ":" in host else host, port) for host, port in address.sentinels)
    return [f"{host}:{port}/{address.database}" for host, port in hosts]
