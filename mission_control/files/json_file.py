"""Reading a JSON file from any source, with errors that name the place of a fault."""

import errno
import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from mission_control.errors import TaskFileError, UnsafePathError
from mission_control.files.outside_file import read_outside_file
from mission_control.model.problems.messages import shown

LARGEST_FILE_BYTES: Final = 32 * 1024 * 1024
# No number of 64 bits has as many. Python refuses only 4,300, and its message names no remedy for a file.
_MOST_DIGITS: Final = 100
_REMEDIES: Final = {
    errno.ENOENT: "does not exist; check the path, or write a file with `mission-control tasks export`",
    errno.EACCES: "permission denied; run as the file's owner, or change its mode",
    errno.EISDIR: "is a directory; name a file in it",
}


def read_json_file(path: Path) -> Any:  # noqa: ANN401  # whatever the file holds
    """Return what a JSON file holds; a key that stands twice in one object is an error.

    NaN and Infinity, which are not JSON, come back as floats; the check of each field refuses them.

    Raises:
        TaskFileError: names the file, the place in it (line and column, or byte) and the remedy.
        UnsafePathError: another user could change it.
    """
    return parse_json(read_content(path), path)


def parse_json(content: bytes, source: Path | str) -> Any:  # noqa: ANN401
    """Return what `content` holds, as `read_json_file` does; errors name `source`."""
    try:
        return strict_json(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise TaskFileError(f"{source}: {_fault(error, content)}") from error


def strict_json(text: str) -> Any:  # noqa: ANN401
    """Return what a JSON text holds; a key that stands twice in one object is an error.

    Raises:
        ValueError: it is not JSON, or has a key twice or an integer of very many digits.
        RecursionError: it is nested very deeply.
    """
    return STRICT.decode(text)


def read_content(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        TaskFileError: it cannot be read, or is too large.
        UnsafePathError: another user could change it.
    """
    if "\0" in str(path):
        raise TaskFileError(f"{shown(str(path))}: is not a path: it has a null character; leave that out")
    try:
        return read_outside_file(path, LARGEST_FILE_BYTES, must_be_safe=True)
    except UnsafePathError:
        raise
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, f"cannot be read: {error.strerror or error}")
        raise TaskFileError(f"{path}: {remedy}") from error


def _fault(error: ValueError | RecursionError, content: bytes) -> str:
    match error:
        case UnicodeDecodeError():
            at = len(content) - len(error.object) + error.start  # a byte order mark is not in `object`
            line = content.count(b"\n", 0, at) + 1
            return f"is not UTF-8: byte {at} (line {line}) is 0x{content[at]:02x}; save it as UTF-8"
        case json.JSONDecodeError():
            is_cut = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
            hint = " (the file ends too early; check that it is complete)" if is_cut else ""
            return f"is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}{hint}"
        case RecursionError():
            return "is nested too deeply for a task file; use fewer levels"
    return str(error)


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


STRICT: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer)
"""Parses as `strict_json` does, which raises what it raises."""
