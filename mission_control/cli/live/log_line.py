"""Reading the log lines of beat and worker, in Celery's format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

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
        self._level: str | None = None
        self._is_hidden = False

    def read(self, raw: str) -> LogLine | None:
        """Return a line to show, or None for an uninteresting one.

        Uninteresting are the banner before the first logged line, and events the audit stream shows better.

        >>> reader = LogReader()
        >>> reader.read(" -------------- celery@host v5.7.0")
        >>> reader.read("[2026-03-01 09:00:00,123: WARNING/MainProcess] careful")
        LogLine(time='09:00:00', level='WARNING', text='careful')
        >>> reader.read("  because of this")
        LogLine(time='', level='WARNING', text='  because of this')
        """
        match = _LOGGED.fullmatch(raw)
        if match is None:
            is_shown = self._level is not None and not self._is_hidden and raw.strip()
            return LogLine("", self._level, raw) if is_shown and self._level is not None else None
        self._level = match["level"]
        self._is_hidden = _UNINTERESTING.match(match["text"]) is not None or not match["text"].strip()
        return None if self._is_hidden else LogLine(match["time"], match["level"], match["text"])
