"""Why beat refuses to run, at its start or later: going on would silently lose tasks."""

from typing import Any, Final

from celery import Celery
from redbeat.schedulers import get_redis
from redis import Redis
from redis.exceptions import RedisError

from mission_control.errors import MissionControlError, SettingsError
from mission_control.store.address.url_spelling import VARIABLE, mask_password
from mission_control.store.prefix_in_use import PREFIX_VARIABLE, claim_prefix
from mission_control.store.troubles import eviction_in


class EvictionPolicyError(MissionControlError):
    """Redis is set up to delete keys when memory runs out; schedules and runs would vanish silently."""


REFUSALS: Final = (SettingsError, EvictionPolicyError)


def refuse_unsafe(app: Celery, client: Redis, redis_url: str, prefix: str, *, allow_eviction: bool) -> None:
    """Check that entries are looked for where they are, and that Redis keeps what it is given.

    Raises:
        SettingsError: the settings lead elsewhere, or others use this database with another prefix.
        EvictionPolicyError: Redis deletes keys when its memory runs out.
        RedisError: Redis cannot be reached.
    """
    check_redbeat_settings(app, client, prefix, redis_url)
    eviction = eviction_in(client.info("memory"))
    if eviction is not None and not allow_eviction:
        raise EvictionPolicyError(
            f"Redis {eviction}. Set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in the "
            "server's configuration), or accept the loss with MISSION_CONTROL_ALLOW_EVICTION=true"
        )
    claim_prefix(client, prefix)


def check_redbeat_settings(app: Celery, client: Redis, prefix: str, redis_url: str) -> None:
    """Check that RedBeat, as `app` configures it, keeps its entries under `prefix` where `client` does.

    Raises:
        SettingsError: it does not; such entries would silently never fire.
        RedisError: Redis cannot be reached.
    """
    conf = app.redbeat_conf
    if conf.key_prefix != prefix:
        raise SettingsError(
            f"redbeat_key_prefix is {conf.key_prefix!r} and {PREFIX_VARIABLE} {prefix!r}: set both to one "
            "prefix, for producers, command line, beat and workers"
        )
    if conf.redis_url != redis_url and _place_of_entries(app) != _place(client):
        raise SettingsError(
            f"RedBeat's entries are in {mask_password(str(conf.redis_url))} (redbeat_redis_url, or else the "
            f"broker), the tasks in {mask_password(redis_url)} ({VARIABLE}); set both to the same server"
        )


def _place_of_entries(app: Celery) -> tuple[str, int] | None:
    try:
        return _place(get_redis(app))
    except (RedisError, ValueError):
        if app.redbeat_conf.redis_url.startswith("redis-sentinel"):
            raise  # the Sentinels are choosing another master
        return None


def _place(client: Redis) -> tuple[str, int]:
    """Return the server, whatever it is called, and the database in it."""
    server: Any = client.info("server")
    return server["run_id"], int(client.connection_pool.connection_kwargs.get("db") or 0)
