"""The entries that beat has set aside because it cannot read or decide about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mission_control import redis_keys

if TYPE_CHECKING:
    from mission_control.installation import Installation


def quarantined_tasks(installation: Installation) -> dict[str, str]:
    """Return what is wrong with each entry set aside, by the entry's name (a task's id)."""
    noted = installation.client.hgetall(redis_keys.BEAT_QUARANTINE)
    found = {str(key): str(note) for key, note in noted.items()}
    prefix = installation.redbeat_keys.prefix
    return {key.removeprefix(prefix): _problem(note) for key, note in sorted(found.items())}


def _problem(note: str) -> str:
    try:
        return str(json.loads(note)["problem"])
    except (ValueError, KeyError, TypeError):
        return note
