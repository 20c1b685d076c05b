"""Ctrl-C and SIGTERM: the first asks for an orderly end, a later one for an end at once."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

# A terminal, and what runs us (`timeout`, say), may both send the signal of one Ctrl-C.
_SAME_SIGNAL_SECONDS: Final = 0.5


class StopRequestedError(KeyboardInterrupt):
    """Somebody wants this command to end; not an error, and not caught by what catches errors."""


@contextmanager
def stop_signals(kill: Callable[[], None]) -> Iterator[None]:
    """Raise `StopRequestedError` in the main thread at the first signal, and call `kill` at a later one."""
    first = 0.0

    def obey(_number: int, _frame: FrameType | None) -> None:
        nonlocal first
        if not first:
            first = time.monotonic()
            raise StopRequestedError
        if time.monotonic() - first > _SAME_SIGNAL_SECONDS:
            kill()

    before = {number: signal.signal(number, obey) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
