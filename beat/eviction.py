"""Refusing a Redis that may forget schedules: one whose eviction policy deletes keys when it is full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.errors import MissionControlError

if TYPE_CHECKING:
    from redis import Redis

SAFE_POLICY = "noeviction"


class EvictionPolicyError(MissionControlError):
    """Redis is set up to delete keys when memory runs out; schedules and runs would vanish silently."""


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
        f"Redis has maxmemory-policy {policy}: when memory runs out it would delete schedules and runs "
        "without a word. Set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in the "
        "server's configuration), or accept the loss with MISSION_CONTROL_ALLOW_EVICTION=true"
    )
