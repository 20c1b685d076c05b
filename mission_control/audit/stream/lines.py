"""Reading the lines of an audit file in blocks, forwards or backwards, without holding the file in memory.

A line that is no record never stops a reader: it is handed on as a `CorruptLine`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import orjson

BLOCK_BYTES = 1 << 20
LONGEST_LINE_BYTES: Final = 16 * BLOCK_BYTES
"""No record is as long: a line that is longer is none, and is not held in memory."""

_MOST_READ: Final = LONGEST_LINE_BYTES + 1
_SHOWN_BYTES = 80


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
