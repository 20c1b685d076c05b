"""Waiting in tests: the one place that sleeps, and only until what is waited for has come."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")

PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.1
LEAST_TIMEOUT_SECONDS = 60.0
"""How long a machine on which much else is running may take for anything that is fast."""
_PAUSE_OF_THE_WAIT = 0.02
"""Which part of a wait may be lost in a pause: asking costs as much as what is waited for."""


def wait_until(
    predicate: Callable[[], Answer], what: str | Callable[[], str], *, timeout: float = LEAST_TIMEOUT_SECONDS
) -> Answer:
    """Poll until the predicate's answer is true and return that answer.

    Fails the test with `what`, asked then if it is a function, and the last answer after `timeout` seconds,
    and after `LEAST_TIMEOUT_SECONDS` at the earliest.
    """
    begin, timeout = time.monotonic(), max(timeout, LEAST_TIMEOUT_SECONDS)
    while True:
        answer = predicate()
        if answer:
            return answer
        waited = time.monotonic() - begin
        if waited > timeout:
            wanted = what if isinstance(what, str) else what()
            message = f"waited {timeout} s in vain until {wanted}; the last answer was {answer!r}"
            raise AssertionError(message)
        time.sleep(min(max(PAUSE_SECONDS, waited * _PAUSE_OF_THE_WAIT), LONGEST_PAUSE_SECONDS))
