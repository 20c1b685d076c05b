"""Reading an audit stream over all its rotated files: the last ones, all of them, or new ones as it grows."""

import json
import os
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from mission_control.audit.record.repetitions import Unrepeated
from mission_control.audit.stream.lines import (
    LONGEST_LINE_BYTES,
    CorruptLine,
    corrupt,
    lines_backwards,
    parse_line,
)
from mission_control.audit.stream.segments import Segment, Segments, identity
from mission_control.model.values.identifiers import begun_with, is_cut
from mission_control.model.values.instants import parse_instant

OnCorrupt = Callable[[CorruptLine], object]
POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records are wanted; None means any. Ids may be cut (`rep…`). `since` counts in, `until` not.

    `only` are the tasks of which records are wanted.
    """

    task_id: str | None = None
    execution_id: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    is_final: bool | None = None
    only: Collection[str] | None = None

    def accepts(self, record: dict[str, Any]) -> bool:
        """Tell whether `record` has all the wanted values."""
        return (
            (self.task_id is None or _is_meant(record.get("task_id"), self.task_id))
            and (self.execution_id is None or _is_meant(record.get("execution_id"), self.execution_id))
            and (self.status is None or record.get("status") == self.status)
            and (self.is_final is None or record.get("final") is self.is_final)
            and (self.only is None or record.get("task_id") in self.only)
            and ((self.since is None and self.until is None) or self._is_in_time(record))
        )

    def _is_in_time(self, record: dict[str, Any]) -> bool:
        try:
            moment = parse_instant(record["timestamp"])
        except (KeyError, TypeError, ValueError):
            return False
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)

    @property
    def needle(self) -> bytes:
        """Bytes that every accepted line contains, as selective as they can be; empty if none are sure."""
        for value in (self.execution_id, self.task_id, self.status):
            # Beyond plain ASCII, JSON has several ways to write the same text.
            if value is None or is_cut(value):
                continue
            if json.dumps(value) == f'"{value}"' and "/" not in value:
                return f'"{value}"'.encode()
        return b""


ANY_RECORD: Final = RecordFilter()


def _is_meant(value: object, wanted: str) -> bool:
    return value == wanted or (is_cut(wanted) and bool(begun_with(wanted, [str(value)])))


def tail(
    path: Path | str,
    limit: int,
    *,
    task_id: str | None = None,
    execution_id: str | None = None,
    status: str | None = None,
    only: Collection[str] | None = None,
    on_corrupt: OnCorrupt | None = None,
) -> list[dict[str, Any]]:
    """Return the last `limit` records that have the given values, of `only` these tasks, oldest first.

    Files are read from their ends, only as far as needed, compressed ones from their beginnings. Of a
    record that was written twice the later line is returned. With a filter only those corrupt lines are
    reported that could have matched it.

    Raises:
        PermissionError: a file may not be read.
    """
    wanted = RecordFilter(task_id, execution_id, status, only=only)
    found: list[dict[str, Any]] = []
    unrepeated = Unrepeated()
    with Segments(Path(path)) as segments:
        for segment in segments.newest_first if limit > 0 else []:
            records = _newest_first(segment, wanted, limit, on_corrupt)
            new = (record for record in records if unrepeated.accepts(record))
            found.extend(islice(new, limit - len(found)))
            _report(segment, on_corrupt)
            if len(found) == limit:
                break
    return found[::-1]


def _newest_first(
    segment: Segment, wanted: RecordFilter, limit: int, on_corrupt: OnCorrupt | None
) -> Iterator[dict[str, Any]]:
    """Return the records of a file that are wanted, the newest first; of a compressed one the last."""
    lines = segment.lines() if segment.is_packed else lines_backwards(segment.file, wanted.needle)
    records = (
        record
        for offset, line in lines
        if line
        and wanted.needle in line
        and (record := _record(segment.path, offset, line, on_corrupt)) is not None
        and wanted.accepts(record)
    )
    # Compressed files are read only forwards. A record is there twice at the most.
    return reversed(deque(records, maxlen=2 * limit)) if segment.is_packed else records


def read_all(
    path: Path | str, *, wanted: RecordFilter = ANY_RECORD, on_corrupt: OnCorrupt | None = None
) -> Iterator[dict[str, Any]]:
    """Yield every record of the stream that is wanted, oldest first, over all rotated files.

    Of a record that was written twice, which only one marked `repaired` can be, the first line counts.

    Raises:
        PermissionError: a file may not be read.
    """
    with Segments(Path(path)) as segments:
        unrepeated = Unrepeated()
        for segment in segments.oldest_first:
            lines = ((offset, line) for offset, line in segment.lines() if line)
            for number, (offset, line) in enumerate(lines, start=1):
                if wanted.needle not in line:
                    continue
                record = _record(segment.path, offset, line, on_corrupt, number)
                if record is not None and wanted.accepts(record) and unrepeated.accepts(record):
                    yield record
            _report(segment, on_corrupt)


def _report(segment: Segment, on_corrupt: OnCorrupt | None) -> None:
    if segment.problem is not None and on_corrupt is not None:
        on_corrupt(CorruptLine(segment.path, 0, segment.problem))


def _record(
    path: Path, offset: int, line: bytes, on_corrupt: OnCorrupt | None, number: int | None = None
) -> dict[str, Any] | None:
    parsed = parse_line(line)
    if isinstance(parsed, dict):
        return parsed
    if on_corrupt is not None:
        on_corrupt(corrupt(path, offset, parsed, line, number))
    return None


class Follower:
    """Reads what was appended since it last looked; `poll` never waits.

    It starts at the end of the live file; a file that does not exist yet is awaited. Rotations by rename
    between two polls lose nothing as long as the rotated files are still there, uncompressed. A line without
    a line feed is left for later: it may be in the making.
    """

    def __init__(self, path: Path | str, *, on_corrupt: OnCorrupt | None = None) -> None:
        self._path = Path(path)
        self._on_corrupt = on_corrupt
        self._files: list[IO[bytes]] = []
        self._open_newer()
        if self._files:
            self._files[0].seek(0, os.SEEK_END)

    def poll(self) -> list[dict[str, Any]]:
        """Return the records appended since the last call, oldest first."""
        # A writer that looked at the path just before a rename still writes to the file before, so that one
        # is read by one more poll.
        retired = self._files[:-1]
        self._open_newer()
        records = [record for file in self._files for record in self._drain(file)]
        self._close(retired)
        return records

    def close(self) -> None:
        """Let go of the files; the next poll starts with the live file's beginning."""
        self._close(self._files[:])

    def _close(self, files: list[IO[bytes]]) -> None:
        for file in files:
            file.close()
            self._files.remove(file)

    def _open_newer(self) -> None:
        """Open the files that were begun after the current one, oldest first."""
        current = None if not self._files else identity(os.fstat(self._files[-1].fileno()))
        if current is not None and current == _identity_at(self._path):
            return
        with Segments(self._path) as segments:
            found = segments.oldest_first
            known = [segment.identity for segment in found]
            if current in known:
                found = [one for one in found[known.index(current) + 1 :] if one.path.suffix != ".gz"]
            else:
                found = [one for one in found if one.path == self._path]
            # Descriptors of our own: a segment closes its file.
            self._files += [os.fdopen(os.dup(segment.file.fileno()), "rb") for segment in found]

    def _drain(self, file: IO[bytes]) -> Iterator[dict[str, Any]]:
        if os.fstat(file.fileno()).st_size < file.tell():
            file.seek(0)  # truncated in place: what is there now is new
        while raw := file.readline(LONGEST_LINE_BYTES):
            if not raw.endswith(b"\n") and len(raw) < LONGEST_LINE_BYTES:
                file.seek(-len(raw), os.SEEK_CUR)  # in the making
                break
            line = raw.rstrip(b"\n")
            parsed = parse_line(line) if line else None
            if isinstance(parsed, dict):
                yield parsed
            elif parsed is not None and self._on_corrupt is not None:
                self._on_corrupt(corrupt(self._path, file.tell() - len(raw), parsed, line))


def _identity_at(path: Path) -> tuple[int, int] | None:
    try:
        return identity(path.stat())
    except FileNotFoundError:
        return None
