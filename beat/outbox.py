"""The outbox: runs that were entered in one server and whose messages belong on another.

Where broker and schedule store are one server the fire script does both at once. Where they are not, it
puts the run's id here, and the message is sent right after: at least once, under the run's id, so that
the worker's claim drops a second one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from mission_control import redis_keys
from mission_control.messaging.message import send
from mission_control.url_spelling import broker_url

if TYPE_CHECKING:
    from celery import Celery

    from mission_control.installation import Installation

_AT_ONCE: Final = 200


def needs_outbox(app: Celery, installation: Installation) -> bool:
    """Whether the broker is another server, or another database, than the schedule store."""
    return bool(app.conf.broker_url != broker_url(installation.redis_url))


def send_outbox(app: Celery, installation: Installation, producer: Any) -> int:  # noqa: ANN401  # kombu's
    """Send the messages of the runs in the outbox, oldest first, and return how many there were."""
    waiting = cast("list[str]", installation.client.lrange(redis_keys.OUTBOX, 0, _AT_ONCE - 1))
    for execution_id in waiting:
        run = installation.ledger.get(execution_id)
        if run is not None and not run.state.is_final:
            send(app, run, producer=producer)
    if waiting:
        installation.client.ltrim(redis_keys.OUTBOX, len(waiting), -1)
    return len(waiting)
