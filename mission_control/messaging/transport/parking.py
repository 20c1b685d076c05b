"""Which messages wait in Redis for their time, instead of in a worker's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kombu.utils.json import dumps

from mission_control.messaging.transport.task_headers import due_instant

if TYPE_CHECKING:
    from datetime import datetime, timedelta


class ParkedMessage(NamedTuple):
    """A message for the park: beat releases `payload` to its queue at `release_at`."""

    execution_id: str
    release_at: datetime
    payload: str


def to_be_parked(message: dict[str, Any], *, now: datetime, after: timedelta) -> ParkedMessage | None:
    """Return how to park a message that is not to be run before `now + after`; None if it may travel on.

    The parked message has no `eta` any more: when it is released its time has come, by beat's clock, and
    a worker whose clock is behind must not think otherwise.
    """
    headers = message.get("headers")
    if not isinstance(headers, dict) or not isinstance(headers.get("id"), str):
        return None
    due = due_instant(headers)
    if due is None or due <= now + after:
        return None
    payload = dumps({**message, "headers": {**headers, "eta": None}})
    return ParkedMessage(headers["id"], due, payload)
