"""What beat did last, and what is in quarantine: tasks, audit records and messages."""

import json
from typing import Any, Final

from redis import Redis

from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys

QUARANTINE_KEYS: Final = frozenset(
    {redis_keys.BEAT_QUARANTINE, redis_keys.AUDIT_QUARANTINE, redis_keys.DEAD_LETTERS}
)


def last_notes(client: Redis, limit: int) -> list[dict[str, str]]:
    """Return the last notes in the journal of beat, oldest first; each has `at` and `event`."""
    found: Any = client.xrevrange(redis_keys.BEAT_JOURNAL, count=limit)
    return [dict(fields) for _, fields in reversed(found)]


def quarantine_notes(client: Redis, redbeat_keys: RedBeatKeys) -> list[dict[str, str]]:
    """Return what is in quarantine, each with `kind`, `what`, `problem` and `at`; of a kind the latest first.

    The kinds are `task` (a RedBeat entry too), `audit record`, and `message` (a dead letter).
    """
    noted: Any = client.hgetall(redis_keys.BEAT_QUARANTINE)
    tasks = {key.removeprefix(redbeat_keys.prefix): _note(text) for key, text in sorted(noted.items())}
    records: Any = client.lrange(redis_keys.AUDIT_QUARANTINE, 0, -1)
    letters: Any = client.lrange(redis_keys.DEAD_LETTERS, 0, -1)
    return [
        *(_shown("task", {"what": name, "at": note.get("since"), **note}) for name, note in tasks.items()),
        *(_shown("audit record", _note(text)) for text in records),
        *(_shown("message", _letter(_note(text))) for text in letters),
    ]


def _letter(note: dict[str, Any]) -> dict[str, Any]:
    what = f"{note.get('bytes', '?')} bytes of the queue {note.get('queue') or 'parked'}"
    return {"what": what, "problem": note.get("reason", note.get("problem")), "at": note.get("at")}


def _shown(kind: str, note: dict[str, Any]) -> dict[str, str]:
    return {"kind": kind, **{name: str(note.get(name) or "") for name in ("what", "problem", "at")}}


def _note(text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError):
        return {"problem": text}
