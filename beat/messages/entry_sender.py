"""Sending an entry as RedBeat does, or collecting what would be sent."""

from collections.abc import Callable
from dataclasses import dataclass

from celery.beat import ScheduleEntry
from kombu import Producer

from mission_control.messaging.collected_messages import QueuedMessage, collected


@dataclass(frozen=True, slots=True)
class EntrySender:
    """The scheduler's own `apply_async`, which tools patch to see entries, through its `producer`."""

    producer: Callable[[], Producer]
    apply_async: Callable[..., object]

    def send(self, entry: ScheduleEntry) -> None:
        """Send the entry's message."""
        self.apply_async(entry, producer=self.producer(), advance=False)

    def collect(self, entry: ScheduleEntry) -> list[QueuedMessage]:
        """Return what `send` would have put on lists of the broker, without doing so."""
        producer = self.producer()
        return collected(producer, lambda: self.apply_async(entry, producer=producer, advance=False))
