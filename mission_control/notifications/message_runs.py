"""A message as a run of the built-in handler that sends it: retried, recorded, bounded in time."""

from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from mission_control.model.runs.new_run import ad_hoc_run
from mission_control.model.runs.run_record import RunRecord

HANDLER: Final = "handlers.notification.run"
RETRIES: Final = 3
"""How often a message is tried again; the last attempt takes another channel if none of its own takes it."""

_RETRY_POLICY: Final = {"max_retries": RETRIES, "retry_delay_seconds": 10, "backoff": "exponential"}
_TIMEOUT_SECONDS: Final = 120.0


def message_run(
    to: Sequence[str], title: str, text: str, *, ulid: str, now: datetime, queue: str
) -> RunRecord:
    """Return the run that sends a message to the channels `to`, the first in its queue."""
    params = {"to": list(to), "title": title, "text": text}
    run = ad_hoc_run(HANDLER, params, ulid=ulid, at=now, now=now, queue=queue)
    return replace(run, retry_policy=_RETRY_POLICY, timeout_seconds=_TIMEOUT_SECONDS)


def other_channel(to: Sequence[str], known: Container[str]) -> str | None:
    """Return the channel that gets a message that none of `to` takes, of the `known` ones; None for none.

    >>> other_channel(["ops"], {"ops", "default", "fallback"}), other_channel(["default"], {"default"})
    ('fallback', None)
    """
    return next((one for one in ("fallback", "default") if one in known and one not in to), None)
