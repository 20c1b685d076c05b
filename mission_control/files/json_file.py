"""Reading a JSON file from any source, with errors that name the place of a fault."""

import json
import os
import stat
from collections import Counter
from pathlib import Path
from typing import Any

from mission_control.errors import TaskFileError
from mission_control.model.problems.messages import shown

LARGEST_FILE_BYTES = 32 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# No number of 64 bits has as many. Python refuses only 4,300, and its message names no remedy for a file.
_MOST_DIGITS = 100
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_json_file(path: Path) -> Any:  # noqa: ANN401  # whatever the file holds
    """Return what a JSON file holds; a key that stands twice in one object is an error.

    NaN and Infinity, which are not JSON, come back as floats; the check of each field refuses them.

    Raises:
        TaskFileError: names the file, the place in it (line and column, or byte) and the remedy.
    """
    return _decoded(_text(_content(path), path), path)


def _content(path: Path) -> bytes:
    if "\0" in str(path):
        raise TaskFileError(
            f"{shown(str(path))}: is not a path: it has a null character; write the path without it"
        )
    try:
        # Without O_NONBLOCK, opening a pipe that has no writer would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            _require_readable(os.fstat(file.fileno()), path)
            return file.read(LARGEST_FILE_BYTES)
    except FileNotFoundError as error:
        raise TaskFileError(
            f"{path}: does not exist; check the path, or write a file with `mission-control tasks export`"
        ) from error
    except PermissionError as error:
        raise TaskFileError(
            f"{path}: permission denied; run as the file's owner, or change its mode"
        ) from error
    except IsADirectoryError as error:
        raise TaskFileError(f"{path}: is a directory; name a file in it") from error
    except OSError as error:
        raise TaskFileError(f"{path}: cannot be read: {error}") from error


def _require_readable(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise TaskFileError(f"{path}: is not a regular file; save its content to one")
    if status.st_size > LARGEST_FILE_BYTES:
        mebibytes = LARGEST_FILE_BYTES // 1024**2
        raise TaskFileError(
            f"{path}: is too large: {status.st_size:,} bytes, at most {mebibytes} MiB; split it up"
        )


def _text(content: bytes, path: Path) -> str:
    if content.startswith(_UTF_16_MARKS):
        raise TaskFileError(f"{path}: is UTF-16, not UTF-8 (byte 0); save it as UTF-8")
    start = len(_BYTE_ORDER_MARK) if content.startswith(_BYTE_ORDER_MARK) else 0
    try:
        return content[start:].decode()
    except UnicodeDecodeError as error:
        at = start + error.start
        line = content.count(b"\n", 0, at) + 1
        raise TaskFileError(
            f"{path}: is not UTF-8: byte {at} (line {line}) is 0x{content[at]:02x}; save it as UTF-8"
        ) from error


def _decoded(text: str, path: Path) -> Any:  # noqa: ANN401
    if not text.strip():
        raise TaskFileError(f'{path}: is empty; a file without tasks holds {{"tasks": []}}')
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise TaskFileError(
            f"{path}: is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}"
            f"{_truncation(text, error)}"
        ) from error
    except RecursionError as error:
        raise TaskFileError(f"{path}: is nested too deeply for a task file; use fewer levels") from error
    except ValueError as error:
        raise TaskFileError(f"{path}: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
    raise ValueError(f"an object has the key {shown(twice)} twice; keep one of them")


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"an integer has {len(digits):,} digits; write it as text")
    return int(digits)


def _truncation(text: str, error: json.JSONDecodeError) -> str:
    at_end = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
    return " (the file ends too early; check that it is complete)" if at_end else ""
