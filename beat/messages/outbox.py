"""The outbox: runs that were entered in one server and whose messages belong on another.

Where broker and schedule store are one server the fire script does both at once. Where they are not, it
puts the run's id here, and the message is sent right after: at least once, under the run's id, so that
the worker's claim drops a second one. A parked message whose time has come is here as it is. So is, on any
broker, a RedBeat entry that is not for exactly one queue.
"""

import json
from typing import Any, Final, cast

from celery import Celery
from redbeat.decoder import RedBeatJSONEncoder
from redbeat.schedulers import RedBeatSchedulerEntry
from redis import Redis

from beat.messages.entry_sender import EntrySender
from mission_control.events import events
from mission_control.ledger.ledger import Ledger
from mission_control.messaging.message import send
from mission_control.messaging.redis_failures import is_redis_failure
from mission_control.store import redis_keys

_AT_ONCE: Final = 200
# No id of a run of ours begins with these.
_PLAIN: Final = "{"
_PARKED: Final = "["


def shown_item(item: str) -> str:
    """Return how a log names an item: by its run's id, or without the params that it may hold.

    >>> shown_item("tea@20261016T090000Z"), shown_item('{"kwargs": {"params": {"pin": "0042"}}}')
    ('tea@20261016T090000Z', 'a RedBeat entry of 39 characters')
    """
    if not item.startswith((_PLAIN, _PARKED)):
        return item
    kind = "a RedBeat entry" if item.startswith(_PLAIN) else "a parked message"
    return f"{kind} of {len(item):,} characters"


def send_outbox(app: Celery, client: Redis, ledger: Ledger, sender: EntrySender) -> int:
    """Send what is in the outbox, oldest first, and return how much there was."""
    waiting = cast("list[str]", client.lrange(redis_keys.OUTBOX, 0, _AT_ONCE - 1))
    for item in waiting:
        try:
            if item.startswith(_PLAIN):
                sender.send(RedBeatSchedulerEntry(**RedBeatSchedulerEntry.decode_definition(item), app=app))
            elif item.startswith(_PARKED):
                _push(sender.producer(), *json.loads(item))
            else:
                run = ledger.get(item)
                if run is not None and not run.state.is_final:
                    send(app, run, producer=sender.producer())
        except Exception as error:
            if is_redis_failure(error):
                raise
            events.outbox_item_dropped(shown_item(item), error)
        # By name, not by number: a beat that was stopped in between must not take off what it has not sent.
        client.lrem(redis_keys.OUTBOX, 1, item)
    return len(waiting)


def _push(producer: Any, queue_key: str, payload: str) -> None:  # noqa: ANN401
    with producer.channel.conn_or_acquire() as broker:
        broker.lpush(queue_key, payload)


def plain_item(entry: RedBeatSchedulerEntry) -> str:
    """Return the outbox item of a RedBeat entry: what its message is made of."""
    fields = ("name", "task", "args", "kwargs", "options")
    return json.dumps({name: getattr(entry, name) for name in fields}, cls=RedBeatJSONEncoder)
