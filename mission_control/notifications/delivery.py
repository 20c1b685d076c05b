"""Sending one message to several channels, and reporting which of them it reached."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import unquote

from mission_control.configuration.settings import NOTIFY_PREFIX, Secret
from mission_control.model.problems.secret_references import MASK
from mission_control.model.values.addresses import Network
from mission_control.outbound.connection_guard import guarded_connections

PATIENCE: Final = timedelta(seconds=30)
_SEPARATORS = re.compile(r"[:/?#&=@,;\s]+")
# Shorter pieces of a URL are ports and everyday words.
_SHORTEST_SECRET: Final = 4


@dataclass(frozen=True)
class Delivery:
    """How a message fared on one channel; `problem` is None if every service of the channel took it.

    A problem names the channel's setting and never contains a piece of its URL.
    """

    channel: str
    problem: str | None = None


def notify(
    urls: Mapping[str, Secret],
    channels: Iterable[str],
    title: str,
    body: str,
    *,
    allowed: Sequence[Network] = (),
    patience: timedelta = PATIENCE,
) -> list[Delivery]:
    """Send a message to each of `channels` at the same time; `urls` has the channels that are set up.

    Guarantees: connects only to public addresses and to those `allowed`, also after a redirect; returns
    shortly after `patience` at the latest; a failing channel does not keep the message from the others. Does
    not guarantee that an undelivered message has not arrived: a service may have taken it and answered too
    late.
    """
    import apprise

    names = list(dict.fromkeys(channel.lower() for channel in channels))
    sender = apprise.Apprise()
    problems = {name: _add(sender, urls, name) for name in names}
    usable = [name for name in names if problems[name] is None]
    if usable:
        # Apprise hands on what a service's own thread logs as the reason of its failure.
        with guarded_connections(allowed, logging.getLogger("apprise").warning):
            answer = sender.notify(body=body, title=title, timeout=patience.total_seconds())
        problems |= {name: _problem_of(answer, name, urls[name].reveal()) for name in usable}
    return [Delivery(name, problems[name]) for name in names]


def notify_once(
    urls: Mapping[str, Secret],
    channels: Iterable[str],
    title: str,
    body: str,
    *,
    once: Any,  # noqa: ANN401  # the `once` of a handler's context
    allowed: Sequence[Network],
) -> dict[str, str]:
    """Send a message on behalf of a run, and return the problems of the channels that did not take it.

    Skips the channels that an earlier attempt of the run has reached or may have reached: if a worker dies
    while sending, the message is not sent a second time.
    """
    remaining = [one for one in channels if once(f"sent to {one}")]
    deliveries = notify(urls, remaining, title, body, allowed=allowed) if remaining else []
    problems = {one.channel: one.problem for one in deliveries if one.problem}
    for channel in problems:
        once.forget(f"sent to {channel}")
    return problems


def _add(sender: Any, urls: Mapping[str, Secret], channel: str) -> str | None:  # noqa: ANN401  # Apprise is untyped
    if channel not in urls:
        known = f"set up are: {', '.join(sorted(urls))}" if urls else "none is set up"
        return (
            f"no notification channel {channel!r} is set up: set {_variable(channel)} to an Apprise URL "
            f"where the workers run ({known})"
        )
    logger = logging.getLogger("apprise")
    logger.addFilter(_nothing)  # Apprise logs a URL that it does not understand, with the secrets in it.
    try:
        is_understood = sender.add(urls[channel].reveal(), tag=channel)
    finally:
        logger.removeFilter(_nothing)
    return None if is_understood else f"{_variable(channel)} is not a URL that Apprise understands"


def _variable(channel: str) -> str:
    return f"{NOTIFY_PREFIX}{channel.upper()}"


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _problem_of(answer: Any, channel: str, url: str) -> str | None:  # noqa: ANN401  # see _add
    services = [service for service in answer if channel in service.tag]
    if services and all(services):
        return None
    entries = [entry for service in services if not service for entry in service.logs()]
    messages = [entry.message.rstrip(".") for entry in entries or answer.call_logs()]
    reason = "; ".join(dict.fromkeys(messages)) if messages else "the service did not take the message"
    return f"{_variable(channel)}: {without_secrets(reason, url)}"


def without_secrets(text: str, url: str) -> str:
    """Mask every piece of a URL in `text`, because any of them may be a token.

    >>> without_secrets("Refused by example.org", "json://user:hunter2@example.org/token")
    'Refused by ***'
    """
    pieces = {piece for one in (url, unquote(url)) for piece in _SEPARATORS.split(one.partition("://")[2])}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= _SHORTEST_SECRET:
            text = text.replace(piece, MASK)
    return text
