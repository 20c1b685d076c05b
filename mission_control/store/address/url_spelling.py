"""The spellings of a Redis URL: one address, read differently by redis-py and by kombu.

Over TCP both read `redis://` and `rediss://`. A unix socket is `unix:///path?db=0` to redis-py and
RedBeat, `redis+socket:///path?virtual_host=0` to kombu; a user may write either, and `valkey://` or
`valkeys://` for `redis://` and `rediss://`. A Redis that Sentinels name has a spelling of its own, see
`sentinel_url`.
"""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from mission_control.errors import SettingsError
from mission_control.store.address.sentinel_url import (
    is_sentinel_url,
    kombu_spelling,
    one_spelling,
    read_sentinel_url,
)
from mission_control.store.address.url_options import LOGIN, for_the_transport, for_the_url, option_problem

VARIABLE = "MISSION_CONTROL_REDIS_URL"
TCP_SCHEMES = {"redis": "redis", "valkey": "redis", "rediss": "rediss", "valkeys": "rediss"}
SOCKET_SCHEMES = ("unix", "redis+socket", "socket")
EXPECTED = (
    "write redis://[[user]:password@]host:port/0, rediss://… for TLS, unix:///path/to/socket?db=0, "
    "or sentinel://host:26379/0;sentinel://host:26379/0?master_name=mymaster"
)
ESCAPING = (
    "special characters in user or password must be percent-encoded ('@' as %40, '/' as %2F, '#' as %23)"
)


def client_url(url: str) -> str:
    """Return `url` as redis-py and RedBeat spell it; one that names Sentinels in one spelling of ours.

    Raises:
        SettingsError: not a usable URL; names the variable, the problem and the remedy, never the password.

    >>> client_url("redis+socket:///run/redis.sock?virtual_host=2")
    'unix:///run/redis.sock?db=2'
    >>> client_url("redis://localhost?db=2&password=secret&socket_timeout=9")
    'redis://:secret@localhost/2?socket_timeout=9'
    >>> client_url("rediss://:secret@example.org/1?ssl_cert_reqs=CERT_NONE")
    'rediss://:secret@example.org/1?ssl_cert_reqs=none'
    """
    problem = url_problem(url)
    if problem is not None:
        raise SettingsError(f"{VARIABLE}: {problem}")
    if is_sentinel_url(url):
        return one_spelling(url)
    parts = urlsplit(url.strip())
    options = dict(_options(parts.query))
    login = _login(parts, options)
    if parts.scheme in TCP_SCHEMES:
        path = f"/{options.pop('db')}" if options.get("db") else parts.path
        if "ssl_cert_reqs" in options:
            options["ssl_cert_reqs"] = certificate_word(options["ssl_cert_reqs"])
        place = f"{login}{parts.netloc.rpartition('@')[2]}"
        return urlunsplit((TCP_SCHEMES[parts.scheme], place, path, urlencode(options), ""))
    query = [("db" if key == "virtual_host" else key, value) for key, value in options.items()]
    return _socket_url("unix", login, parts.path, query)


def _login(parts: SplitResult, options: dict[str, str]) -> str:
    """Return the login with its '@', "" for none; what `options` say of it wins, and is taken out of them."""
    written, at, _ = parts.netloc.rpartition("@")
    user, _, password = written.partition(":")
    said = [options.pop(name, None) for name in LOGIN]
    if said == [None, None]:
        return written + at
    user, password = (
        old if new is None else quote(new, "") for old, new in zip((user, password), said, strict=True)
    )
    return f"{user}:{password}@"


def transport_options(url: str) -> dict[str, Any]:
    """Return what `url` says that kombu takes as transport options, not in the URL."""
    if is_sentinel_url(url):
        return for_the_transport(read_sentinel_url(url).options)
    return for_the_transport(_options(urlsplit(url.strip()).query))


@lru_cache(maxsize=16)
def broker_url(url: str) -> str:
    """Return `url` as kombu and Celery's result backend spell it.

    One that names Sentinels is not the whole of what kombu has to know of them, see `sentinel_connection`.

    Raises:
        SettingsError: as for `client_url`.

    >>> broker_url("unix:///run/redis.sock?db=2")
    'redis+socket:///run/redis.sock?virtual_host=2'
    >>> broker_url("rediss://:secret@example.org:6379/0")
    'rediss://:secret@example.org:6379/0?ssl_cert_reqs=required'
    """
    if is_sentinel_url(client_url(url)):
        return kombu_spelling(url)
    parts = urlsplit(client_url(url))
    options = for_the_url(_options(parts.query))
    if parts.scheme == "rediss" and "ssl_cert_reqs" not in dict(options):
        # Celery's result backend refuses a TLS URL that does not say so.
        options.append(("ssl_cert_reqs", "required"))
    if parts.scheme != "unix":
        return urlunsplit(parts._replace(query=urlencode(options)))
    query = [("virtual_host" if key == "db" else key, value) for key, value in options]
    return _socket_url("redis+socket", parts.netloc, parts.path, query)


def certificate_word(value: str) -> str:
    """Return redis-py's word for what `ssl_cert_reqs` says; kombu reads it, too.

    >>> certificate_word("CERT_REQUIRED")
    'required'
    """
    return value.removeprefix("CERT_").lower()


def mask_password(url: str) -> str:
    """Return `url` fit for messages and logs: whatever may be a user name or password is masked.

    >>> mask_password("redis://user:p@ss@localhost:6379/0")
    'redis://***@localhost:6379/0'
    >>> mask_password("unix:///run/redis.sock?password=secret&db=1")
    'unix:///run/redis.sock?password=***&db=1'
    >>> mask_password("redis://:secret")
    'redis://***'
    """
    text = re.sub(r"(password=)[^&]*", r"\1***", url.strip())
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    if "@" in rest:
        return f"{scheme}{separator}***@{rest.rpartition('@')[2]}"
    return f"{scheme}{separator}***" if rest.startswith(":") else text


def url_problem(url: str) -> str | None:
    """Return what is wrong with `url`, and the remedy, but never the password; None if it can be used.

    >>> print(str(url_problem("redis://:secret@localhost:six")).partition(";")[0])
    'redis://***@localhost:six': the port is not a number from 1 to 65535
    """
    problem = _problem(url)
    return None if problem is None else f"{mask_password(url)!r}: {problem}; {EXPECTED}"


def _problem(url: str) -> str | None:
    if is_sentinel_url(url):
        return _sentinel_problem(url)
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return f"it cannot be taken apart; {ESCAPING}"
    if parts.scheme in TCP_SCHEMES:
        return _tcp_problem(url)
    if parts.scheme in SOCKET_SCHEMES:
        return _socket_problem(url)
    if not parts.scheme or "://" not in url:
        return "the scheme is missing"
    return f"the scheme {parts.scheme!r} is not supported"


def _sentinel_problem(url: str) -> str | None:
    try:
        options = read_sentinel_url(url).options
    except ValueError as error:
        return f"{error}; {ESCAPING}" if "@" in url else str(error)
    return option_problem(options, ("master_name", "sentinel_username", "sentinel_password"))


def _tcp_problem(url: str) -> str | None:
    parts = urlsplit(url.strip())
    if parts.fragment:
        return f"it has a '#'; {ESCAPING}"
    try:
        port = parts.port
    except ValueError:
        # The cause is not quoted: where a password is not encoded, "the port" is a piece of it.
        return f"the port is not a number from 1 to 65535; {ESCAPING}"
    if port == 0:
        return "the port is not a number from 1 to 65535"
    if re.fullmatch(r"/?\d*", parts.path) is None:
        return "the database after the host is not a number"
    return _option_problem(parts, "db")


def _socket_problem(url: str) -> str | None:
    parts = urlsplit(url.strip())
    if parts.netloc.rpartition("@")[2]:
        return "the path of a socket begins after three slashes"
    if not parts.path.strip("/"):
        return "the path of the socket is missing"
    return _option_problem(parts, "db", "virtual_host")


def _option_problem(parts: SplitResult, *databases: str) -> str | None:
    options = _options(parts.query)
    if not all(value.isdecimal() for name, value in options if name in databases):
        return f"the option {databases[0]} after '?' is not a number"
    return option_problem(options, (*databases, *LOGIN))


def _options(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def _socket_url(scheme: str, login: str, path: str, query: list[tuple[str, str]]) -> str:
    # urlunsplit would drop the empty host's slashes for schemes that it does not know.
    options = f"?{urlencode(query)}" if query else ""
    return f"{scheme}://{login}{path}{options}"
