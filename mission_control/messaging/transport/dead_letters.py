"""Dead letters: messages that no worker can accept, kept with the reason."""

import json
from datetime import datetime
from typing import Any, Final

from mission_control.audit.endings import audit_rejection
from mission_control.audit.stream.log import AuditLog
from mission_control.configuration.clock import utc_now
from mission_control.events import events
from mission_control.model.values.identifiers import LONGEST_NAME
from mission_control.model.values.instants import format_instant

SHOWN_PAYLOAD: Final = 4_096
"""How many bytes of a dead letter's payload are kept."""

UNKNOWN: Final = "unknown"


def dead_letter(payload: bytes, *, queue: str, reason: str, at: datetime) -> str:
    """Return the entry of a message among the dead letters.

    >>> from datetime import UTC, datetime
    >>> dead_letter(b"42", queue="default", reason="it is int", at=datetime(2025, 10, 16, tzinfo=UTC))
    '{"at": "2025-10-16T00:00:00Z", "queue": "default", "reason": "it is int", "bytes": 2, "payload": "42"}'
    """
    shown = payload[:SHOWN_PAYLOAD].decode("utf-8", "replace")
    entry = {
        "at": format_instant(at),
        "queue": queue,
        "reason": reason,
        "bytes": len(payload),
        "payload": shown,
    }
    return json.dumps(entry)


def record_dead_letter(
    audit: AuditLog | None, payload: bytes, *, queue: str, reason: str, headers: object
) -> str:
    """Record a bad message, and return its entry among the dead letters; before it is moved there."""
    now = utc_now()
    known: dict[str, Any] = headers if isinstance(headers, dict) else {}
    execution_id = _name(known.get("id"))
    events.message_dead_lettered(queue, reason, execution_id)
    if audit is not None:
        audit_rejection(
            audit,
            handler=_name(known.get("task")) or UNKNOWN,
            execution_id=execution_id,
            reason=f"a message on queue {queue} cannot be accepted: {reason}",
            at=now,
        )
    return dead_letter(payload, queue=queue, reason=reason, at=now)


def _name(value: object) -> str | None:
    return value[:LONGEST_NAME] if isinstance(value, str) and value else None
