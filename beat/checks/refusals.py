"""Why beat refuses to run, at its start or later: going on would silently lose tasks."""

from typing import Any, Final

from celery import Celery
from redis import Redis

from beat.checks.redbeat_settings import check_redbeat_settings
from mission_control.errors import MissionControlError, SettingsError
from mission_control.store.prefix_in_use import claim_prefix

SAFE_POLICY: Final = "noeviction"


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
    check_redbeat_settings(app, prefix, redis_url)
    check_eviction_policy(client, allow_eviction=allow_eviction)
    claim_prefix(client, prefix)


def check_eviction_policy(client: Redis, *, allow_eviction: bool) -> None:
    """Check that Redis never deletes what it was given to keep.

    Raises:
        EvictionPolicyError: `maxmemory-policy` is another one than `noeviction`, and `allow_eviction` off.
    """
    memory: Any = client.info("memory")
    policy = memory.get("maxmemory_policy", SAFE_POLICY)
    if policy == SAFE_POLICY or allow_eviction:
        return
    raise EvictionPolicyError(
        f"Redis has maxmemory-policy {policy}: when memory runs out it would silently delete schedules and "
        "runs. Set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in the "
        "server's configuration), or accept the loss with MISSION_CONTROL_ALLOW_EVICTION=true"
    )
