"""The signature of a run's message: over all of it, for one queue and the time in which it may be taken.

What the transport itself changes on the way (the delivery tag, the marks of a redelivery and of parking) is
not part of it. An `eta` is signed, but may be gone: parking takes it off.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson
from kombu.utils.json import dumps

from mission_control.messaging.transport.message_problem import ENVELOPE_DECODER, BadMessageError
from mission_control.messaging.transport.parking import PARKED_HEADER
from mission_control.messaging.transport.task_headers import due_instant
from mission_control.model.values.instants import format_instant
from mission_control.signing.keyring import Keyring

SIGNATURE_HEADER: Final = "mission_control_signature"
CLOCK_TOLERANCE_SECONDS: Final = 300
"""How far the clocks of sender and Redis may differ, as in Kerberos (RFC 4120)."""

_CHANGED_ON_THE_WAY: Final = frozenset({SIGNATURE_HEADER, PARKED_HEADER, "eta", "redelivered"})
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_UNSIGNED: Final = (
    "it is not signed, and MISSION_CONTROL_SIGNING_KEY is set: send runs with `mission_control.enqueue`,"
    " and give every process the key"
)


class Window(NamedTuple):
    """When a message may be taken, and its `eta`, 0 for none; in whole Unix seconds."""

    begins: int
    ends: int
    eta: int = 0

    @classmethod
    def of(cls, headers: dict[str, Any], now: datetime, lasts: float) -> Window:
        """Return the window of a message that is sent now: from its `eta` on, if it has one.

        A message to be parked may be taken sooner: it waits for a worker rather than for its time.
        """
        eta, sent = _eta(headers), int(now.timestamp())
        begins = sent if headers.get(PARKED_HEADER) is True else max(eta, sent)
        return cls(begins, begins + int(lasts), eta)

    def contains(self, now: float) -> bool:
        """Whether a message may be taken now, by a clock that differs a little from its sender's."""
        return self.begins - CLOCK_TOLERANCE_SECONDS <= now <= self.ends + CLOCK_TOLERANCE_SECONDS

    def __str__(self) -> str:
        return ".".join(map(str, self))


def signed_text(message: dict[str, Any], queue: str) -> str:
    """Return what is signed of a message along with its body and window: all the rest, in one order."""
    properties = {name: value for name, value in message["properties"].items() if name != "delivery_tag"}
    if isinstance(route := properties.get("delivery_info"), dict):
        properties["delivery_info"] = {name: value for name, value in route.items() if name != "redelivered"}
    headers = {name: one for name, one in message["headers"].items() if name not in _CHANGED_ON_THE_WAY}
    rest = {name: one for name, one in message.items() if name != "body"}
    return _canonical([queue, {**rest, "headers": headers, "properties": properties}])


def _canonical(value: object) -> str:
    """Return the same text for a value that was sent and for what JSON makes of it on the way."""
    try:
        return _fast_json(value)
    except TypeError:  # a key that is no text, a date, a number of more than 64 bits, NaN
        text: str = dumps(value, sort_keys=True)
    try:
        return _fast_json(ENVELOPE_DECODER.decode(text))
    except TypeError:
        return text


def _fast_json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME).decode()


def message_signature(window: Window, text: str, body: str, keyring: Keyring) -> str:
    """Return the header that signs a message of that text and body."""
    return f"{window}:{keyring.sign('message', str(window), text, body)}"


def sign_message(
    message: dict[str, Any], queue: str, keyring: Keyring, *, now: datetime, lasts: float
) -> None:
    """Sign a message that goes to a queue, for `lasts` seconds from when it is due."""
    headers = message["headers"]
    window = Window.of(headers, now, lasts)
    signature = message_signature(window, signed_text(message, queue), message["body"], keyring)
    message["headers"] = {**headers, SIGNATURE_HEADER: signature}


def check_signature(
    message: dict[str, Any], queue: str, keyring: Keyring, now: float, redis_now: Callable[[], float]
) -> None:
    """Check the signature of a message that came on a queue.

    The clock of Redis decides (`redis_now`), and is asked only if this host's says that it is not the time.

    Raises:
        BadMessageError: the message is not signed, is signed for something else, or not for now.
    """
    problem = _problem(message, queue, keyring, now, redis_now)
    if problem is not None:
        bad = BadMessageError(problem)
        bad.headers = message["headers"]
        raise bad


def _problem(
    message: dict[str, Any], queue: str, keyring: Keyring, now: float, redis_now: Callable[[], float]
) -> str | None:
    headers = message["headers"]
    numbers, _, signature = str(headers.get(SIGNATURE_HEADER)).partition(":")
    window = _window(numbers)
    if window is None:
        return _UNSIGNED
    problem = keyring.problem(signature, "message", numbers, signed_text(message, queue), message["body"])
    if problem is not None:
        return problem
    if headers.get("eta") is not None and _eta(headers) != window.eta:
        return "its header eta was changed"
    if window.contains(now) or window.contains(now := redis_now()):
        return None
    return _time_problem(window, now)


def _eta(headers: dict[str, Any]) -> int:
    due = due_instant(headers)
    return 0 if due is None else int(due.timestamp())


def _window(text: str) -> Window | None:
    numbers = text.split(".")
    is_window = len(numbers) == len(Window._fields) and all(map(_NUMBER.fullmatch, numbers))
    return Window(*map(int, numbers)) if is_window else None


def _time_problem(window: Window, now: float) -> str:
    begins, ends, at = (format_instant(_moment(one)) for one in (window.begins, window.ends, int(now)))
    when = f"it is signed for {begins} to {ends}, and the clock of Redis says {at}"
    if now > window.ends:
        return f"{when}: it is replayed, or waited for longer than MISSION_CONTROL_RETENTION_DAYS"
    return f"{when}: set the clocks of its sender and of Redis by NTP, or it was released before its time"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
