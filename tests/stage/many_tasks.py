"""Very many tasks, made in the server from one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mission_control.store import redis_keys

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

_COPY = """
for at = 1, ARGV[3] do
  local name = string.format('many_%05d', at)
  local fields = redis.call('HGETALL', KEYS[1])
  for at = 2, #fields, 2 do
    fields[at] = string.gsub(fields[at], '"' .. ARGV[2] .. '"', '"' .. name .. '"')
  end
  redis.call('HSET', ARGV[1] .. name, unpack(fields))
  redis.call('ZADD', KEYS[3], redis.call('ZSCORE', KEYS[3], KEYS[1]), ARGV[1] .. name)
  redis.call('SADD', KEYS[2], name)
end
"""


def with_tasks_like(installation: Installation, name: str, count: int) -> None:
    """Enter tasks that differ from one in nothing but their ids."""
    keys = installation.redbeat_keys
    given = [keys.entry(name), redis_keys.TASKS, keys.schedule]
    installation.client.eval(_COPY, 3, *given, keys.prefix, name, str(count))
