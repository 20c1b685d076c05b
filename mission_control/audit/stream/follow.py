"""Following an audit stream as it grows, over rotations."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mission_control.audit.stream.lines import corrupt, parse_line
from mission_control.audit.stream.reader import OnCorrupt
from mission_control.audit.stream.segments import Segment, Segments, identity

POLL_SECONDS = 0.5


class Follower:
    """Reads what was appended since it last looked; `poll` never waits.

    It starts at the end of the live file, or with `from_start` at its beginning; a file that does not
    exist yet is awaited. Rotations by rename between two polls lose nothing as long as the rotated files
    are still there, uncompressed. A line without a line feed is left for later: it may be in the making.
    """

    def __init__(
        self, path: Path | str, *, from_start: bool = False, on_corrupt: OnCorrupt | None = None
    ) -> None:
        self._path = Path(path)
        self._on_corrupt = on_corrupt
        self._retired: list[_Position] = []
        self._current: _Position | None = None
        for segment in self._begun_since():
            self._current = segment
            self._current.offset = 0 if from_start else segment.size()

    def poll(self) -> list[dict[str, Any]]:
        """Return the records appended since the last call, oldest first."""
        records = [record for position in self._retired for record in self._drain(position, last=True)]
        self._close_retired()
        if self._current is not None:
            records += self._drain(self._current)
        for position in self._begun_since():
            # A writer that looked at the path just before the rename still writes to the old file, so
            # that one is read once more by the next poll.
            self._retired += [self._current] if self._current is not None else []
            self._current = position
            records += self._drain(position)
        return records

    def close(self) -> None:
        """Let go of the files; the next poll starts with the live file's beginning."""
        self._retired += [self._current] if self._current is not None else []
        self._current = None
        self._close_retired()

    def _begun_since(self) -> list[_Position]:
        """Open the files that were begun after the current one, oldest first."""
        if self._current is not None and self._current.identity == _identity_at(self._path):
            return []
        with Segments(self._path) as segments:
            return [_Position.at_start(segment) for segment in self._newer(segments.oldest_first)]

    def _newer(self, segments: list[Segment]) -> list[Segment]:
        known = [segment.identity for segment in segments]
        if self._current is not None and self._current.identity in known:
            later = segments[known.index(self._current.identity) + 1 :]
            return [segment for segment in later if segment.path.suffix != ".gz"]
        return [segment for segment in segments if segment.path == self._path]

    def _drain(self, position: _Position, *, last: bool = False) -> list[dict[str, Any]]:
        records = []
        for offset, line in position.new_lines(last=last):
            parsed = parse_line(line)
            if isinstance(parsed, dict):
                records.append(parsed)
            elif self._on_corrupt is not None:
                self._on_corrupt(corrupt(position.path, offset, parsed, line))
        return records

    def _close_retired(self) -> None:
        for position in self._retired:
            position.file.close()
        self._retired = []


@dataclass(slots=True)
class _Position:
    path: Path
    file: IO[bytes]
    identity: tuple[int, int]
    offset: int = 0

    @classmethod
    def at_start(cls, segment: Segment) -> _Position:
        # A descriptor of our own: the segment closes its file.
        return cls(segment.path, os.fdopen(os.dup(segment.file.fileno()), "rb"), segment.identity)

    def size(self) -> int:
        return os.fstat(self.file.fileno()).st_size

    def new_lines(self, *, last: bool) -> Iterator[tuple[int, bytes]]:
        if self.size() < self.offset:
            self.offset = 0  # truncated in place: what is there now is new
        self.file.seek(self.offset)
        for raw in self.file:
            if not raw.endswith(b"\n") and not last:
                return
            start, self.offset = self.offset, self.offset + len(raw)
            if raw != b"\n":
                yield start, raw.rstrip(b"\n")


def _identity_at(path: Path) -> tuple[int, int] | None:
    try:
        return identity(path.stat())
    except FileNotFoundError:
        return None
