"""Whether a Redis without a password can be reached from elsewhere."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError

from mission_control.configuration.broker_address import redis_servers
from mission_control.model.values.addresses import is_loopback
from mission_control.store.address.sentinel_url import is_sentinel_url, read_sentinel_url

WARNING: Final = (
    "no password, and others can reach it: give its users passwords (`mission-control redis-acl --role "
    "worker` prints their rules), or let it listen on 127.0.0.1 alone"
)


def exposure_warning(client: Redis, url: str, broker_url: str | None) -> str | None:
    """Return what is wrong if Redis asks for no password and does not listen on loopback alone, else None.

    A server at a loopback address is asked where it listens; one that does not say is not reported. Of a
    broker that is another server, only the URL is looked at.
    """

    def listening() -> Mapping[str, str]:
        with suppress(RedisError):
            return dict(client.config_get("bind", "protected-mode"))  # type: ignore[arg-type]  # redis-py's
        return {}

    if is_exposed(url, listening):
        return WARNING
    brokers = [] if broker_url is None else redis_servers(broker_url)
    return f"the broker: {WARNING}" if any(is_exposed(one, dict) for one in brokers) else None


def is_exposed(url: str, listening: Callable[[], Mapping[str, str]]) -> bool:
    """Return the same; `listening` returns the settings of a server that has this address on its own host.

    >>> is_exposed("redis://db.example.org/0", dict), is_exposed("redis://:secret@db.example.org/0", dict)
    (True, False)
    """
    hosts = _hosts_without_login(url)
    if not hosts:
        return False
    if not all(is_loopback(host) for host in hosts):
        return True
    found = listening()
    binds = (address.lstrip("-") for address in found.get("bind", "127.0.0.1").split() or ["*"])
    return found.get("protected-mode") == "no" and not all(map(is_loopback, binds))


def _hosts_without_login(url: str) -> list[str]:
    """Return the hosts of a URL, none if it has a password or names a socket."""
    if is_sentinel_url(url):
        address = read_sentinel_url(url)
        return [] if address.password else [host for host, _ in address.sentinels]
    parts = urlsplit(url)
    has_login = parts.password or "password=" in parts.query
    return [] if has_login or not parts.hostname else [parts.hostname]
