"""The URL of a broker that is not the ledger's Redis: Redis in any spelling, or what else Celery can use."""

from typing import Any, Final

from mission_control.model.problems.suggestions import did_you_mean
from mission_control.store.address import url_spelling
from mission_control.store.address.sentinel_url import SCHEMES, is_sentinel_url
from mission_control.store.address.url_spelling import (
    ESCAPING,
    EXPECTED,
    SOCKET_SCHEMES,
    TCP_SCHEMES,
    broker_url,
    mask_password,
    url_problem,
)

_REDIS: Final = frozenset((*TCP_SCHEMES, *SOCKET_SCHEMES, *SCHEMES))


def broker_problem(url: str) -> str | None:
    """Return what is wrong with a broker's URL, and the remedy, but never the password; None if nothing is.

    Nothing is connected to. Several URLs, separated by ";", are alternatives.

    >>> print(str(broker_problem("reddis://localhost")).partition("; write")[0])
    'reddis://localhost': Celery has no broker 'reddis'; did you mean "redis"?
    """
    return next((problem for one in _urls(url) if (problem := _problem(one)) is not None), None)


def kombu_url(url: str) -> str:
    """Return a broker's URL without problems as kombu spells it.

    >>> kombu_url("valkey://localhost/1;amqp://guest@localhost//")
    'redis://localhost/1;amqp://guest@localhost//'
    """
    return ";".join(broker_url(one) if _is_redis(one) else one for one in _urls(url))


def transport_options(url: str) -> dict[str, Any]:
    """Return what a broker's URL says that kombu takes as transport options."""
    found = map(url_spelling.transport_options, redis_servers(url))
    return {name: value for options in found for name, value in options.items()}


def redis_servers(url: str) -> list[str]:
    """Return those of a broker's URLs that name a Redis server.

    >>> redis_servers("valkey://localhost/1;amqp://guest@localhost//")
    ['valkey://localhost/1']
    """
    return [one for one in _urls(url) if _is_redis(one)]


def _urls(url: str) -> list[str]:
    return [url] if is_sentinel_url(url) else [one.strip() for one in url.split(";")]


def _is_redis(url: str) -> bool:
    scheme, separator, _ = url.partition("://")
    return not separator or scheme in _REDIS


def _problem(url: str) -> str | None:
    from kombu.transport import TRANSPORT_ALIASES

    scheme = url.partition("://")[0]
    if _is_redis(url):
        problem = url_problem(url)
        return _kombu_problem(broker_url(url)) if problem is None else problem
    if scheme.partition("+")[0] in TRANSPORT_ALIASES:
        return _kombu_problem(url)
    hint = did_you_mean(scheme, TRANSPORT_ALIASES)
    return f"{mask_password(url)!r}: Celery has no broker {scheme!r}{hint}; {EXPECTED}"


def _kombu_problem(url: str) -> str | None:
    """Return why kombu cannot use a URL that names one of its transports."""
    from kombu import Connection

    try:
        Connection(url).get_transport_cls()
    except ImportError as error:
        return f"{mask_password(url)!r}: the client of this broker is not installed ({error}); install it"
    except KeyError as error:
        return f"{mask_password(url)!r}: an option after '?' cannot be used ({error}); correct it"
    except ValueError:  # not quoted: where a password is not encoded, the host is a piece of it
        return f"{mask_password(url)!r}: its host or port cannot be read; {ESCAPING}"
    return None
