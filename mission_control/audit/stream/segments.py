"""The files that one audit stream is in, the live one and those it was rotated to, and the lines in them."""

import gzip
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, cast

import orjson

from mission_control.files.outside_file import open_outside_file

BLOCK_BYTES = 1 << 20
LONGEST_LINE_BYTES: Final = 16 * BLOCK_BYTES
"""No record is as long: a line that is longer is none, and is not held in memory."""


_MOST_READ: Final = LONGEST_LINE_BYTES + 1
_SHOWN_BYTES = 80
_ROTATED = re.compile(r"(?:\.(?P<number>\d{1,9})|-(?P<date>\d{8}[\d-]{0,12}))(?P<gz>\.gz)?")
_NOTHING: Final = Path(os.devnull)


@dataclass(frozen=True, slots=True)
class CorruptLine:
    """A line that is no record: torn by a full disk or a crash, glued, or changed by hand.

    `offset` is where it starts in the file, in bytes; `line` its number from 1 where the file was read
    from its beginning.
    """

    file: Path
    offset: int
    reason: str
    line: int | None = None
    excerpt: str = ""

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line is not None else f"byte {self.offset}"
        return f"{self.file}, {place}: {self.reason}: {self.excerpt}"


def parse_line(line: bytes) -> dict[str, Any] | str:
    """Return the record in `line`, or what is wrong with it."""
    if len(line) > LONGEST_LINE_BYTES:
        return f"longer than {LONGEST_LINE_BYTES // BLOCK_BYTES} MiB, as no record is"
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return _reason(line, error)
    return record if isinstance(record, dict) else "not a JSON object"


def corrupt(file: Path, offset: int, reason: str, line: bytes, number: int | None = None) -> CorruptLine:
    """Describe a line that `parse_line` refused."""
    excerpt = ascii(line[:_SHOWN_BYTES].decode(errors="replace"))
    return CorruptLine(file, offset, reason, number, excerpt)


def lines_forwards(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield `(offset, line)` from the file's position on, without line feeds; empty lines, too.

    What follows the last line feed is yielded too: a record whose line feed is missing, or a torn one. Of a
    line that is too long only the beginning is held in memory.
    """
    offset = file.tell()
    while raw := file.readline(_MOST_READ):
        yield offset, raw.rstrip(b"\n")
        offset += len(raw)
        while len(raw) == _MOST_READ and not raw.endswith(b"\n"):  # the rest of a line that is too long
            raw = file.readline(_MOST_READ)
            offset += len(raw)


def lines_backwards(
    file: IO[bytes], needle: bytes = b"", block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[int, bytes]]:
    """Yield `(offset, line)` from the end of the file, only lines that contain `needle`.

    Of a line that is too long only a part is held in memory.
    """
    start = file.seek(0, os.SEEK_END)
    rest = b""  # the end of the line that the block's beginning has cut
    while start > 0:
        end, start = start, max(0, start - block_bytes)
        file.seek(start)
        first, *lines = (file.read(end - start) + rest).split(b"\n")
        at = end + len(rest)
        for line in reversed(lines):
            at -= len(line)
            if line and needle in line:
                yield at, line
            at -= 1
        rest = first[:_MOST_READ]
    if rest and needle in rest:
        yield 0, rest


def _reason(line: bytes, error: orjson.JSONDecodeError) -> str:
    if line.startswith(b"{") and not line.endswith(b"}"):
        return "torn: it ends in the middle"
    if b"\0" in line:
        return "holds zero bytes, as a crash of the machine leaves them"
    return f"not JSON ({error.msg})"


@dataclass(slots=True)
class Segment:
    """One open file of a stream; `identity` tells which, whatever it is called by now.

    `problem` is what is wrong with the file itself; the lines that can be read are read all the same.
    """

    path: Path
    file: IO[bytes]
    identity: tuple[int, int]
    problem: str | None = None

    @property
    def is_packed(self) -> bool:
        """Whether the file is compressed, and can be read only forwards."""
        return self.path.suffix == ".gz"

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield `(offset, line)` from the beginning, empty lines included; then `problem` is known.

        A compressed file is unpacked piece by piece, because a small one may unpack to any size.
        """
        self.file.seek(0)
        if not self.is_packed:
            yield from lines_forwards(self.file)
            return
        try:
            with cast("IO[bytes]", gzip.open(self.file)) as unpacked:
                yield from lines_forwards(unpacked)
        except (OSError, EOFError, zlib.error) as error:
            self.problem = f"the compressed file is damaged ({error})"


class Segments:
    """The open files of a stream, oldest first; a context manager that closes them.

    Understood are `name.1` (newest), `name.2` … and logrotate's `name-YYYYMMDD…`, each also with `.gz`.
    Where both styles are mixed, dated files count as older. Files are opened newest first and each only
    once, so that a rotation meanwhile neither hides one nor shows one twice.
    """

    def __init__(self, path: Path) -> None:
        self._opened: list[Segment] = []
        for name in (path, *reversed(rotated(path))):
            self._open(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for segment in self._opened:
            segment.file.close()

    @property
    def oldest_first(self) -> list[Segment]:
        """The files in the order in which they were written."""
        return self._opened[::-1]

    @property
    def newest_first(self) -> list[Segment]:
        """The files from the live one backwards."""
        return list(self._opened)

    def _open(self, path: Path) -> None:
        try:
            file = open_outside_file(path)
        except FileNotFoundError:
            return
        except PermissionError:
            raise
        except OSError as error:
            problem = f"the file cannot be read: {error.strerror}"
            self._opened.append(Segment(path, _NOTHING.open("rb"), (0, len(self._opened)), problem))
            return
        segment = Segment(path, file, identity(os.fstat(file.fileno())))
        if any(segment.identity == other.identity for other in self._opened):
            file.close()
            return
        self._opened.append(segment)


def identity(found: os.stat_result) -> tuple[int, int]:
    """Return what identifies a file whatever it is called."""
    return found.st_dev, found.st_ino


def rotated(path: Path) -> list[Path]:
    """Return the rotated files of the stream at `path`, oldest first."""
    if not path.parent.is_dir():
        return []
    found = {other: match for other in path.parent.iterdir() if (match := _rotation(path, other)) is not None}
    # A file that is being compressed is there twice, and its copy is not complete yet.
    whole = [other for other in found if other.suffix != ".gz" or other.with_suffix("") not in found]
    return sorted(whole, key=lambda other: _age(found[other]))


def _rotation(path: Path, other: Path) -> re.Match[str] | None:
    if not other.name.startswith(path.name):
        return None
    return _ROTATED.fullmatch(other.name, len(path.name))


def _age(match: re.Match[str]) -> tuple[int, str, int]:
    date, number = match["date"], match["number"]
    return (0, date, 0) if date is not None else (1, "", -int(number))
