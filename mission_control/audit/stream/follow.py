"""Following an audit stream as it grows, over rotations."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from mission_control.audit.stream.lines import LONGEST_LINE_BYTES, corrupt, parse_line
from mission_control.audit.stream.reader import OnCorrupt
from mission_control.audit.stream.segments import Segments, identity

POLL_SECONDS = 0.5


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
