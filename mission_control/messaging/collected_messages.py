"""Messages as Celery and kombu make them, collected instead of sent."""

from collections.abc import Callable
from typing import Any, NamedTuple

from kombu import Producer


class QueuedMessage(NamedTuple):
    """A message as the broker stores it, and the list it belongs on."""

    queue_key: str
    payload: str


def collected(producer: Producer, publish: Callable[[], object]) -> list[QueuedMessage]:
    """Return what `publish` would have put on lists of the broker by a producer, without doing so."""
    batch = _CollectingBatch(producer.channel)
    producer.channel.create_publish_batch = lambda max_size: batch  # noqa: ARG005  # kombu looks for it
    try:
        with producer.batch():
            publish()
    finally:
        del producer.channel.create_publish_batch
    return batch.collected


class _CollectingBatch:
    """Stands in for kombu's publish batch: keeps the broker commands instead of sending them."""

    def __init__(self, channel: Any) -> None:  # noqa: ANN401  # kombu's channel
        self.channel = channel
        self.collected: list[QueuedMessage] = []

    def publish(self, message: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # kombu's arguments
        """Have the channel route a message; its commands come back through `add`."""
        return self.channel.basic_publish(message, _publish_batch=self, **kwargs)

    def add(self, name: str, *args: Any) -> None:  # noqa: ANN401
        """Keep a command that puts a message on a list; expiry of queues is not used here."""
        if name == "lpush":
            key, payload = args
            self.collected.append(QueuedMessage(key, payload))

    def flush(self) -> None:
        """Send nothing."""

    discard = close = flush
