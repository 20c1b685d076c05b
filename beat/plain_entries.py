"""Firing entries that RedBeat, or any tool that writes its layout, has made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mission_control import events, redis_keys
from mission_control.definitions.identifiers import occurrence_execution_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from beat.due_entries import DuePlainEntry


def fire_plain_entry(client: Redis, due: DuePlainEntry, apply_async: Callable[..., Any]) -> None:
    """Send a RedBeat entry's task and move the entry on, in RedBeat's own manner.

    The message's id is deterministic, so that an occurrence sent twice is recognised. A disabled entry
    leaves the schedule; RedBeat's `save()` puts it back when it is enabled again.
    """
    entry = due.entry
    if not entry.enabled:
        client.zrem(redis_keys.REDBEAT_SCHEDULE, due.key)
        return
    scheduled_time = datetime.fromtimestamp(due.due, UTC)
    execution_id = occurrence_execution_id(entry.name, scheduled_time)
    entry.options["task_id"] = execution_id
    apply_async(entry, advance=False)
    entry._next_instance(last_run_at=scheduled_time)  # noqa: SLF001  # RedBeat has no public name for it
    events.fired_plain(entry.name, entry.task, execution_id)
