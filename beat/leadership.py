"""Which of several beats fires: a lease in Redis, renewed by every tick of its holder.

The lease merely saves work. What keeps two beats from firing an occurrence twice is the comparison of
the stored due instant and the run's deterministic id.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from mission_control import events, redis_keys

if TYPE_CHECKING:
    from datetime import timedelta

    from redis import Redis
    from redis.commands.core import Script

# KEYS: 1 the lease  ARGV: 1 name of this beat  2 milliseconds  Reply: 1 held by this beat, 0 by another
_HOLD: Final = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS: 1 the lease  ARGV: 1 name of this beat  Reply: 1 given up, 0 it was not held
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
"""


class Leadership:
    """This beat's claim to lead."""

    def __init__(self, client: Redis, name: str, lease: timedelta) -> None:
        self._client = client
        self._name = name
        self._lease_ms = int(lease.total_seconds() * 1000)
        self._was_leading: bool | None = None

    def hold(self) -> bool:
        """Take or renew the lease; False while another beat holds it."""
        is_leading = bool(self._hold(keys=[redis_keys.BEAT_LEADER], args=[self._name, self._lease_ms]))
        if is_leading is not self._was_leading:
            (events.leading if is_leading else events.standing_by)(self._name)
        self._was_leading = is_leading
        return is_leading

    def release(self) -> None:
        """Give the lease up, so that another beat leads at once."""
        self._was_leading = None
        self._release(keys=[redis_keys.BEAT_LEADER], args=[self._name])

    @cached_property
    def _hold(self) -> Script:
        return self._client.register_script(_HOLD)

    @cached_property
    def _release(self) -> Script:
        return self._client.register_script(_RELEASE)
