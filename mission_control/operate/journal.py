"""What beat did last, and what is in quarantine: tasks, audit records and messages."""

import json
from typing import Any, Final

from redis import Redis

from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys

QUARANTINE_KEYS: Final = frozenset(
    {redis_keys.BEAT_QUARANTINE, redis_keys.AUDIT_QUARANTINE, redis_keys.DEAD_LETTERS, redis_keys.TASKS}
)

ENTRY_KINDS: Final = frozenset({"task", "RedBeat entry"})


def last_notes(client: Redis, limit: int) -> list[dict[str, str]]:
    """Return the last notes in the journal of beat, oldest first; each has `at` and `event`."""
    found: Any = client.xrevrange(redis_keys.BEAT_JOURNAL, count=limit)
    return [dict(fields) for _, fields in reversed(found)]


def quarantine_notes(client: Redis, redbeat_keys: RedBeatKeys) -> list[dict[str, str]]:
    """Return what is in quarantine, each with `kind`, `what`, `problem` and `at`; of a kind the latest first.

    The kinds are `task`, `RedBeat entry`, `audit record`, and `message` (a dead letter). A task that is still
    on the schedule, so that each of its occurrences is missed, has `stays`.
    """
    noted: Any = client.hgetall(redis_keys.BEAT_QUARANTINE)
    entries = {key.removeprefix(redbeat_keys.prefix): _note(text) for key, text in sorted(noted.items())}
    ids: Any = client.smismember(redis_keys.TASKS, [*entries]) if entries else []
    kinds = ("task" if is_task else "RedBeat entry" for is_task in ids)
    records: Any = client.lrange(redis_keys.AUDIT_QUARANTINE, 0, -1)
    letters: Any = client.lrange(redis_keys.DEAD_LETTERS, 0, -1)
    return [
        *(
            _shown(kind, {"what": name, "at": note.get("since"), **note})
            for kind, (name, note) in zip(kinds, entries.items(), strict=True)
        ),
        *(_shown("audit record", _note(text)) for text in records),
        *(_shown("message", _letter(_note(text))) for text in letters),
    ]


def _letter(note: dict[str, Any]) -> dict[str, Any]:
    what = f"{note.get('bytes', '?')} bytes of the queue {note.get('queue') or 'parked'}"
    return {"what": what, "problem": note.get("reason", note.get("problem")), "at": note.get("at")}


def _shown(kind: str, note: dict[str, Any]) -> dict[str, str]:
    shown = {"kind": kind, **{name: str(note.get(name) or "") for name in ("what", "problem", "at")}}
    return {**shown, "stays": "yes"} if note.get("stays") else shown


def _note(text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError):
        return {"problem": text}
