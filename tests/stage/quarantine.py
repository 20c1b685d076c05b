"""What is in quarantine, as tests ask for it."""

from redis import Redis

from mission_control.operate.journal import ENTRY_KINDS, quarantine_notes
from mission_control.store.redis_keys import RedBeatKeys


def quarantined_tasks(client: Redis, redbeat_keys: RedBeatKeys) -> dict[str, str]:
    """Return the problem of each quarantined entry, by the entry's name (a task's id)."""
    notes = quarantine_notes(client, redbeat_keys)
    return {note["what"]: note["problem"] for note in notes if note["kind"] in ENTRY_KINDS}
