"""What beat did last, and which tasks it has quarantined."""

from typing import Any

from redis import Redis

from mission_control.registry.task_store import problem_in
from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys


def last_notes(client: Redis, limit: int) -> list[dict[str, str]]:
    """Return the last notes in the journal of beat, oldest first; each has `at` and `event`."""
    found: Any = client.xrevrange(redis_keys.BEAT_JOURNAL, count=limit)
    return [dict(fields) for _, fields in reversed(found)]


def quarantined_tasks(client: Redis, redbeat_keys: RedBeatKeys) -> dict[str, str]:
    """Return the problem of each quarantined entry, by the entry's name (a task's id)."""
    noted = client.hgetall(redis_keys.BEAT_QUARANTINE)
    found = {str(key): str(note) for key, note in noted.items()}
    return {key.removeprefix(redbeat_keys.prefix): problem_in(note) for key, note in sorted(found.items())}
