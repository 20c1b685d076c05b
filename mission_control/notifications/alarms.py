"""Alarms: the installation itself does not work, which no task's notices can report.

Each is reported once when it begins and once when it is over, in the log and to the channel `default`.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError
from ulid import ULID

from mission_control.events import events
from mission_control.model.policies.notices import DEFAULT_CHANNEL
from mission_control.model.values.instants import format_instant
from mission_control.model.values.quantities import duration
from mission_control.store import redis_keys

BEAT: Final = "beat"
"""The alarm that no beat fires what is due."""

QUEUE: Final = "queue:"
"""What the name of the alarm of a queue begins with."""


class Alarm(msgspec.Struct, frozen=True):
    """What does not work, and since when that is known."""

    since: datetime
    text: str


@dataclass(frozen=True)
class Alarms:
    """Begins and ends alarms, for whichever process notices that one begins or is over.

    Guarantees: an alarm and its message are written in one step, so however many processes notice it, and
    whatever is killed, it is reported once. Without `has_default` it is only logged and shown by `status`.
    """

    client: Redis
    clock: Callable[[], datetime]
    has_default: bool

    def begin(self, name: str, text: str, *, unless: str | None = None) -> bool:
        """Note and report an alarm; False if it is open already, or the key `unless` exists."""
        now = self.clock()
        with self.client.pipeline() as pipe, suppress(WatchError):  # another process was first
            pipe.watch(redis_keys.ALARMS, *([] if unless is None else [unless]))  # type: ignore[no-untyped-call]
            if pipe.hexists(redis_keys.ALARMS, name) or (unless is not None and pipe.exists(unless)):
                return False
            pipe.multi()
            pipe.hset(redis_keys.ALARMS, name, msgspec.json.encode(Alarm(now, text)).decode())
            self._report(pipe, _title(name), f"{text}, noticed at {format_instant(now)}")
            pipe.execute()
            events.alarm_began(name, text)
            return True
        return False

    def end(self, name: str) -> bool:
        """Note and report that an alarm is over; False if it is not open."""
        with self.client.pipeline() as pipe, suppress(WatchError):  # as above
            pipe.watch(redis_keys.ALARMS)  # type: ignore[no-untyped-call]
            alarm = open_alarms(self.client).get(name)
            pipe.multi()
            pipe.hdel(redis_keys.ALARMS, name)
            if alarm is not None:
                lasted = duration(self.clock() - alarm.since)
                self._report(pipe, f"over: {_title(name)}", f"after {lasted}: {alarm.text}")
            pipe.execute()
            if alarm is not None:
                events.alarm_ended(name, lasted)
            return alarm is not None
        return False

    def _report(self, pipe: Pipeline, title: str, text: str) -> None:
        if self.has_default:
            message = [str(ULID()), [DEFAULT_CHANNEL], title, text]
            pipe.rpush(redis_keys.NOTIFICATIONS, msgspec.json.encode(message).decode())


def open_alarms(client: Redis) -> dict[str, Alarm]:
    """Return the open alarms by their names."""
    stored: Any = client.hgetall(redis_keys.ALARMS)
    found = {}
    for name, text in stored.items():
        with suppress(msgspec.DecodeError, ValueError):  # another program wrote it
            found[name] = msgspec.json.decode(text, type=Alarm)
    return found


def _title(name: str) -> str:
    return "beat is silent" if name == BEAT else f"no worker serves the queue {name.removeprefix(QUEUE)}"
