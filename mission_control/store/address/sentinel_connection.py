"""The master that Sentinels name, as redis-py, kombu and RedBeat expect it.

All three ask the Sentinels for the master whenever they connect, so after a failover the next connection
leads to the new one.
"""

from typing import Any
from urllib.parse import urlencode

from redis import Redis
from redis.connection import parse_url
from redis.sentinel import Sentinel

from mission_control.store.address.sentinel_url import SentinelAddress
from mission_control.store.address.url_spelling import certificate_word

SENTINEL_SECONDS = 2.0
"""How long a Sentinel may take to accept a connection, and to answer."""


def master_client(address: SentinelAddress, **limits: Any) -> Redis:  # noqa: ANN401  # redis-py's arguments
    """Return a client of the master; `limits` are redis-py's arguments for its connections.

    Options in the URL's query win over `limits`.

    Raises:
        ValueError, TypeError, RedisError: an option in the URL's query cannot be used.
    """
    options = {**limits, **_login(address), **url_options(address), "ssl": address.uses_tls}
    sentinels = Sentinel(list(address.sentinels), sentinel_kwargs=sentinel_options(address), **options)  # type: ignore[no-untyped-call]  # redis-py's
    client: Redis = sentinels.master_for(address.master_name)  # type: ignore[no-untyped-call]  # redis-py's
    return client


def kombu_options(address: SentinelAddress) -> dict[str, Any]:
    """Return the options that kombu's transport for Sentinels needs along with the URL."""
    return {"master_name": address.master_name, "sentinel_kwargs": sentinel_options(address)}


def redbeat_options(address: SentinelAddress) -> dict[str, Any]:
    """Return `redbeat_redis_options` for the URL `redis-sentinel://`, as RedBeat knows them."""
    return {
        "sentinels": list(address.sentinels),
        "service_name": address.master_name,
        "sentinel_kwargs": sentinel_options(address),
        **_login(address),
    }


def sentinel_options(address: SentinelAddress) -> dict[str, Any]:
    """Return redis-py's arguments for a connection to a Sentinel.

    None that is down is tried twice, for which redis-py would take three seconds: there are others to ask,
    and the caller tries again.
    """
    return {
        "socket_connect_timeout": SENTINEL_SECONDS,
        "socket_timeout": SENTINEL_SECONDS,
        "retry": None,
        "username": address.sentinel_username,
        "password": address.sentinel_password,
        "ssl": address.uses_tls,
        **(tls_options(address) if address.uses_tls else {}),
    }


def tls_options(address: SentinelAddress) -> dict[str, Any]:
    """Return the `ssl_…` options of the URL, for `broker_use_ssl` and as redis-py's arguments."""
    given = {key: value for key, value in url_options(address).items() if key.startswith("ssl_")}
    return {"ssl_cert_reqs": "required", **given}


def url_options(address: SentinelAddress) -> dict[str, Any]:
    """Return the options of the URL's query as redis-py reads them in any URL."""
    options: dict[str, Any] = dict(parse_url(f"redis://host?{urlencode(address.options)}"))  # type: ignore[no-untyped-call]  # redis-py's
    del options["host"]
    if "ssl_cert_reqs" in options:
        options["ssl_cert_reqs"] = certificate_word(options["ssl_cert_reqs"])
    return options


def _login(address: SentinelAddress) -> dict[str, Any]:
    return {"username": address.username, "password": address.password, "db": address.database}
