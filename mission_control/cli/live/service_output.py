"""The output of beat and worker, read line by line, in Celery's log format."""

import os
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import IO, Final

_KEPT: Final = 30
_LOGGED: Final = re.compile(
    r"\[\d{4}-\d\d-\d\d (?P<time>\d\d:\d\d:\d\d),\d+: (?P<level>[A-Z]+)/(?P<process>[^\]]+)\] (?P<text>.*)",
    re.DOTALL,
)
# Events that the audit stream shows better, and what Celery logs at every start.
_UNINTERESTING: Final = re.compile(
    r"Task \S+\[\S+\] (received|succeeded in|retry:|accepted)|mingle: |beat: Starting|Connected to redis"
)


@dataclass(frozen=True)
class LogLine:
    """One line of a service; `time` is empty where the line continues the one before."""

    time: str
    level: str
    text: str

    @property
    def is_trouble(self) -> bool:
        """Whether it needs attention."""
        return self.level in {"WARNING", "ERROR", "CRITICAL"}


class LogReader:
    """Reads a service's lines one after the other."""

    def __init__(self) -> None:
        self._level = "INFO"

    def read(self, raw: str) -> LogLine | None:
        """Return a line to show, or None for an uninteresting one.

        Uninteresting are events that the audit stream shows better. Printed lines are shown.

        >>> reader = LogReader()
        >>> reader.read("[2026-03-01 09:00:00,123: WARNING/MainProcess] careful")
        LogLine(time='09:00:00', level='WARNING', text='careful')
        >>> reader.read("  because of this")
        LogLine(time='', level='WARNING', text='  because of this')
        """
        match = _LOGGED.fullmatch(raw)
        if match is None:
            return LogLine("", self._level, raw) if raw.strip() else None
        is_hidden = _UNINTERESTING.match(match["text"]) is not None or not match["text"].strip()
        self._level = "INFO" if is_hidden else match["level"]
        return None if is_hidden else LogLine(match["time"], match["level"], match["text"])


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
