"""The output of services, read line by line."""

from __future__ import annotations

import os
from collections import deque
from threading import Thread
from typing import IO, TYPE_CHECKING, Final

from mission_control.cli.live.log_line import LogLine, LogReader

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT: Final = 30


class LogPipes:
    """Opens the output of services for a `Fleet`, and passes on each interesting line.

    `show` is called with the service's name and the line, from a thread of its own for each service.
    """

    def __init__(self, show: Callable[[str, LogLine], None]) -> None:
        self._show = show
        self._last: dict[str, deque[str]] = {}

    def open(self, name: str) -> IO[bytes]:
        """Return the stream that the service called `name` prints to."""
        reading, writing = os.pipe()
        last = self._last[name] = deque(maxlen=_KEPT)
        Thread(target=self._read, args=(name, reading, last), name=f"log of {name}", daemon=True).start()
        return os.fdopen(writing, "wb", buffering=0)

    def last_lines_of_named(self, message: str) -> str:
        """Return the last lines of the services that a message names, hidden ones included."""
        named = [name for name in self._last if name in message.split()]
        return "".join(f"\nthe last lines of {name}:\n" + "\n".join(self._last[name]) for name in named)

    def _read(self, name: str, descriptor: int, last: deque[str]) -> None:
        reader = LogReader()
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as lines:
            for raw in lines:
                last.append(raw.rstrip("\n"))
                line = reader.read(raw.rstrip("\n"))
                if line is not None:
                    self._show(name, line)
