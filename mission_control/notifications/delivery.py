"""Sending one message to several channels, and telling which of them it reached."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from mission_control.notifications.channels import not_set_up, variable_of, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mission_control.configuration.settings import Settings

PATIENCE: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Delivery:
    """What became of a message on one channel; `problem` is None if the channel took it.

    A problem names the channel's setting and never holds a piece of its URL.
    """

    channel: str
    problem: str | None = None

    @property
    def is_delivered(self) -> bool:
        """Whether every service of the channel took the message."""
        return self.problem is None


def notify(
    settings: Settings, channels: Iterable[str], title: str, body: str, *, patience: timedelta = PATIENCE
) -> list[Delivery]:
    """Send a message to each of `channels`, all at the same time, and return what became of each.

    Guarantees: returns shortly after `patience` at the latest; one channel's trouble does not keep the
    message from the others. Does not guarantee that a message which counts as not delivered has not
    arrived: a service may have taken it and answered too late.
    """
    import apprise

    names = list(dict.fromkeys(channel.lower() for channel in channels))
    sender = apprise.Apprise()
    problems = {name: _add(sender, settings, name) for name in names}
    usable = [name for name in names if problems[name] is None]
    if usable:
        answer = sender.notify(body=body, title=title, timeout=patience.total_seconds())
        problems |= {name: _problem_of(answer, name, settings) for name in usable}
    return [Delivery(name, problems[name]) for name in names]


def _add(sender: Any, settings: Settings, channel: str) -> str | None:  # noqa: ANN401  # Apprise is untyped
    url = settings.channel(channel)
    if url is None:
        return not_set_up(settings, channel)
    with _silent_apprise():
        is_understood = sender.add(url, tag=channel)
    return None if is_understood else f"{variable_of(channel)} is no URL that Apprise understands"


@contextmanager
def _silent_apprise() -> Iterator[None]:
    """Keep Apprise from logging a URL that it does not understand, with the secrets in it."""
    logger = logging.getLogger("apprise")
    logger.addFilter(_nothing)
    try:
        yield
    finally:
        logger.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _problem_of(answer: Any, channel: str, settings: Settings) -> str | None:  # noqa: ANN401  # see _add
    """Return what the services of a channel complained of, or None if all of them took the message."""
    services = [service for service in answer if channel in service.tag]
    if services and all(services):
        return None
    entries = [entry for service in services if not service for entry in service.logs()]
    said = [entry.message.rstrip(".") for entry in entries or answer.call_logs()]
    reason = "; ".join(dict.fromkeys(said)) if said else "the service did not take the message"
    url = settings.channel(channel)
    return f"{variable_of(channel)}: {without_secrets(reason, url if url is not None else '')}"
