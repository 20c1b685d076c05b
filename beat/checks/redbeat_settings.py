"""RedBeat's settings in a user's application: those that would leave entries unseen are refused."""

from dataclasses import dataclass
from typing import Any

from celery import Celery
from redis.connection import parse_url

from mission_control.errors import SettingsError
from mission_control.store.address.sentinel_url import is_sentinel_url, read_sentinel_url
from mission_control.store.address.url_spelling import VARIABLE, client_url, mask_password
from mission_control.store.prefix_in_use import PREFIX_VARIABLE


def check_redbeat_settings(app: Celery, prefix: str, redis_url: str) -> None:
    """Check that RedBeat, as `app` configures it, keeps its entries under `prefix` in `redis_url`.

    Raises:
        SettingsError: it does not; such entries would silently never fire.
    """
    conf = app.redbeat_conf
    if conf.key_prefix != prefix:
        raise SettingsError(
            f"redbeat_key_prefix is {conf.key_prefix!r} and {PREFIX_VARIABLE} {prefix!r}: set both to one "
            "prefix, for producers, command line, beat and workers"
        )
    theirs = _sentinel_place(conf)
    theirs = _place(conf.redis_url) if theirs is None else theirs
    if not _are_one(theirs, _place(redis_url)):
        raise SettingsError(
            f"RedBeat's entries are in {mask_password(str(conf.redis_url))} (redbeat_redis_url, or else the "
            f"broker), the tasks in {mask_password(redis_url)} ({VARIABLE}); set both to the same server"
        )


@dataclass(frozen=True)
class _Place:
    """A server and database, without login; `name` is a Sentinel master's, or empty."""

    name: str
    hosts: frozenset[tuple[str, int]]
    database: int


def _are_one(one: _Place, other: _Place) -> bool:
    # Sentinels know of each other: two lists that share one of them lead to the same master.
    is_same_host = not one.hosts.isdisjoint(other.hosts)
    return is_same_host and (one.name, one.database) == (other.name, other.database)


def _sentinel_place(conf: Any) -> _Place | None:  # noqa: ANN401  # RedBeat's configuration
    """Return the master that RedBeat asks Sentinels for, if it does."""
    options = conf.redbeat_redis_options
    if not (conf.redis_url.startswith("redis-sentinel") and "sentinels" in options):
        return None
    hosts = frozenset((_host(host), int(port)) for host, port in options["sentinels"])
    return _Place(options.get("service_name", "master"), hosts, int(options.get("db", 0)))


def _place(url: str) -> _Place:
    try:
        address = client_url(url)
        if is_sentinel_url(address):
            found = read_sentinel_url(address)
            hosts = frozenset((_host(host), port) for host, port in found.sentinels)
            return _Place(found.master_name, hosts, found.database)
        parsed: dict[str, Any] = dict(parse_url(address))  # type: ignore[no-untyped-call]  # redis-py's
    except (SettingsError, ValueError):
        return _Place("", frozenset({(url, 0)}), 0)
    host = parsed.get("path", _host(parsed.get("host", "localhost")))
    return _Place("", frozenset({(host, parsed.get("port", 6379))}), parsed.get("db", 0))


def _host(name: str) -> str:
    return "127.0.0.1" if name == "localhost" else name
