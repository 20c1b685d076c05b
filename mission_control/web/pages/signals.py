"""Whether Redis answers and beat has a fresh heartbeat, asked in one round trip or two."""

from dataclasses import dataclass
from typing import Final

from redis import Redis, RedisError

from mission_control.processes.heartbeats import LIFE_SECONDS
from mission_control.store import redis_keys
from mission_control.store.connection import store_errors

LONGEST_SILENCE: Final = 3.0
"""A beat that is silent for longer, in seconds, is reported; it renews its heartbeat every second."""


@dataclass(frozen=True)
class Signal:
    """What is silent, in words, with the remedy; nothing if all is well."""

    layer: str = ""
    problem: str = ""
    remedy: str = ""


NO_TROUBLE: Final = Signal()


def signal_of(client: Redis, url: str) -> Signal:
    """Return what is silent now."""
    try:
        with store_errors(url):
            leader = client.get(redis_keys.BEAT_LEADER)
            key = redis_keys.process("beat", str(leader))
            return _of_beat(leader, client.pttl(key) / 1_000)
    except (RedisError, OSError) as error:
        return Signal("redis", f"No signal from Redis: {error}", "What you see may be out of date.")


def _of_beat(leader: object, left: float) -> Signal:
    """Return what is said of beat, the heartbeat of whose leader has so many seconds left."""
    silent = LIFE_SECONDS - left
    if leader is None:
        return Signal("beat", "No beat leads: nothing fires.", "Start one: `mission-control up`.")
    if silent > LONGEST_SILENCE:
        why = f"No signal from beat {leader}: nothing fires until it, or another one, answers."
        return Signal("beat", why, "See its log, or start one: `mission-control up`.")
    return NO_TROUBLE
