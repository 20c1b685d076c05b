"""Reading the lines of an audit file in blocks, forwards or backwards, without holding the file in memory.

A line that is no record never stops a reader: it is handed on as a `CorruptLine`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

BLOCK_BYTES = 1 << 20
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
    """Yield `(offset, line)` from the file's position on, without line feeds and empty lines.

    What follows the last line feed is yielded too: a record whose line feed is missing, or a torn one.
    """
    offset = file.tell()
    for raw in file:
        line = raw.rstrip(b"\n")
        if line:
            yield offset, line
        offset += len(raw)


def lines_backwards(
    file: IO[bytes], needle: bytes = b"", block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[int, bytes]]:
    """Yield `(offset, line)` from the end of the file, only lines that contain `needle`.

    Whole blocks are searched for the needle at once, so that lines without it cost next to nothing.
    """
    end = file.seek(0, os.SEEK_END)
    later: list[bytes] = []  # the blocks, last first, that hold the rest of the line cut by the block's end
    while end > 0:
        start = max(0, end - block_bytes)
        file.seek(start)
        block = file.read(end - start)
        end = start
        last = block.rfind(b"\n")
        if last < 0 and start > 0:
            later.append(block)
            continue
        line = b"".join((block[last + 1 :], *reversed(later)))
        if line and needle in line:
            yield start + last + 1, line
        first = block.find(b"\n") if start > 0 else -1
        for at, line in _backwards(block, first + 1, max(last, 0), needle):
            yield start + at, line
        later = [block[:first]] if first >= 0 else []


def _backwards(block: bytes, begin: int, end: int, needle: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of `block[begin:end]` that contain `needle`, last first."""
    # rfind skips as far as the needle is long, which makes it several times as fast as find.
    while end > begin and (found := block.rfind(needle, begin, end)) >= 0:
        start = max(block.rfind(b"\n", begin, found) + 1, begin)
        stop = block.find(b"\n", found, end)
        line = block[start : stop if stop >= 0 else end]
        if line:
            yield start, line
        end = start - 1


def _reason(line: bytes, error: orjson.JSONDecodeError) -> str:
    if line.startswith(b"{") and not line.endswith(b"}"):
        return "torn: it ends in the middle"
    if b"\0" in line:
        return "holds zero bytes, as a crash of the machine leaves them"
    return f"not JSON ({error.msg})"
