"""Waiting in tests: the one place that sleeps, and only until what is waited for has come."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")

PAUSE_SECONDS = 0.01


def wait_until(
    predicate: Callable[[], Answer], what: str | Callable[[], str], *, timeout: float = 10.0
) -> Answer:
    """Poll until the predicate's answer is true and return that answer.

    Fails the test with `what`, asked then if it is a function, and the last answer after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() > deadline:
            wanted = what if isinstance(what, str) else what()
            message = f"waited {timeout} s in vain until {wanted}; the last answer was {answer!r}"
            raise AssertionError(message)
        time.sleep(PAUSE_SECONDS)
