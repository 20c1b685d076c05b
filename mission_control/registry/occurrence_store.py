"""Changes of single occurrences: kept among the pauses, so that beat decides again when they change."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from redis import Redis

from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.values.instants import format_instant
from mission_control.registry.change_log import ChangeLog
from mission_control.registry.pauses import PAUSE_KEYS, PausesSeen, read_pauses
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script
from mission_control.store.redis_keys import RedBeatKeys


@dataclass(frozen=True)
class OccurrenceStore:
    """Writes changes of single occurrences. Each is one transaction, wakes beat, and leaves a record."""

    client: Redis
    changes: ChangeLog
    redbeat_keys: RedBeatKeys
    clock: Callable[[], datetime]

    def look(self, task_id: str) -> tuple[PausesSeen, float | None]:
        """Return the pauses, and when the task is due next in Unix seconds; None for never."""
        seen = read_pauses(self.client)
        due: Any = self.client.zscore(self.redbeat_keys.schedule, self.redbeat_keys.entry(task_id))
        return seen, due

    def write(
        self,
        change: ChangedOccurrence,
        what: str,
        *,
        seen: PausesSeen,
        due: float | None,
        spread: timedelta,
        forget: bool = False,
    ) -> bool:
        """Write a change, or `forget` it; False if the task or the pauses are no longer as they were seen.

        A task is due at the time that its occurrence was moved to, if that is sooner. `what` names the change
        on record.
        """
        moved_to = "" if forget or change.to is None else repr((change.to + spread).timestamp())
        entry = self.redbeat_keys.entry(change.task_id)
        keys = [*PAUSE_KEYS, self.redbeat_keys.schedule, entry, redis_keys.EDITS]
        edit = self.changes.edit("task", what, task_id=change.task_id, execution_id=change.execution_id)
        args: list[str] = [
            seen.version,
            "" if due is None else repr(due),
            change.name,
            "" if forget else change.to_json(),
            moved_to,
            redis_keys.WAKE_CHANNEL,
            json.dumps([edit]),
        ]
        if not lua_script(self.client, __package__, "change_occurrence")(keys=keys, args=args):
            return False
        before = next((one for one in seen.changed if one.name == change.name), None)
        forms = (_form(before, with_id=forget), {} if forget else _form(change))
        self.changes.record(change.task_id, what, *forms, reason=change.reason, at=self.clock())
        return True


def _form(change: ChangedOccurrence | None, *, with_id: bool = True) -> dict[str, Any]:
    if change is None:
        return {}
    # The id is left out of what was before, so that every record names the occurrence.
    named = {"id": change.execution_id} if with_id else {}
    to = None if change.to is None else format_instant(change.to)
    return {"occurrence": {**named, "is_skipped": change.is_skipped, "moved_to": to}}
