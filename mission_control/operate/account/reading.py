"""Reading a stream once, from its oldest file on, and how far each of its chains had come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mission_control.audit.stream.anchors import Anchor
from mission_control.audit.stream.chain import line_digest
from mission_control.audit.stream.lines import parse_line
from mission_control.audit.stream.segments import Segment, Segments
from mission_control.model.values.instants import parse_instant

_LATE: Final = timedelta(minutes=10)
"""How far clocks may differ, of the machine that writes a record and of the file's."""


@dataclass
class StreamReading:
    """Reads the records of the stream at `path`; memory grows with its writers, not with its lines.

    With `upto` it yields only lines up to these anchors, and passes the others to `later`. A file that was
    written last before `written_since` is left out.
    """

    path: Path
    upto: Mapping[str, Anchor] | None = None
    written_since: datetime | None = None
    later: Callable[[dict[str, Any]], object] = lambda _: None
    _heads: dict[str, _Head] = field(default_factory=dict, init=False)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield them in the order of the files; lines that are no records are passed over.

        Raises:
            PermissionError: a file may not be read.
        """
        with Segments(self.path) as segments:
            for segment in segments.oldest_first:
                if self.written_since is None or _mtime(segment) >= (self.written_since - _LATE).timestamp():
                    lines = (line for _, line in segment.lines() if line)
                    yield from filter(None, (self._taken(line) for line in lines))

    def _taken(self, line: bytes) -> dict[str, Any] | None:
        record = parse_line(line)
        if isinstance(record, str):
            return None
        writer, seq = record.get("writer"), record.get("seq")
        if not (isinstance(writer, str) and isinstance(seq, int)):
            return record if self.upto is None else None
        anchor = None if self.upto is None else self.upto.get(writer)
        if self.upto is not None and (anchor is None or seq > anchor.seq):
            self.later(record)
            return None
        self._heads.setdefault(writer, _Head()).take(seq, line, record)
        return record

    def anchors(self) -> dict[str, Anchor]:
        """Return how far each chain has come in what was read."""
        place = str(self.path.resolve())
        found = self._heads.items()
        return {
            one: Anchor(head.seq, line_digest(head.line), head.since, head.last, place) for one, head in found
        }


@dataclass(slots=True)
class _Head:
    seq: int = 0
    line: bytes = b""
    since: int = 1 << 62
    last: int = 0

    def take(self, seq: int, line: bytes, record: Mapping[str, Any]) -> None:
        if seq > self.seq:
            self.seq, self.line = seq, line
        if "repaired" not in record:
            try:
                at = int(parse_instant(record["timestamp"]).timestamp())
            except (KeyError, TypeError, ValueError):
                return
            self.since, self.last = min(self.since, at), max(self.last, at)


def _mtime(segment: Segment) -> float:
    return os.fstat(segment.file.fileno()).st_mtime
