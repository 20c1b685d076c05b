"""Waiting for another process, within bounds."""

import time
from collections.abc import Iterator

POLL_SECONDS = 0.01


def patiently(seconds: float) -> Iterator[None]:
    """Yield again and again, with short pauses, for so many seconds; at least once."""
    deadline = time.monotonic() + seconds
    yield
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        yield
