"""Reading the ICS calendars named in exclusions."""

from functools import lru_cache
from pathlib import Path
from typing import Final

MAX_CALENDAR_BYTES: Final = 8 * 1024 * 1024


def read_calendar(path: Path) -> str:
    """Return the text of a calendar file. The file is read again only after it has changed.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is larger than `MAX_CALENDAR_BYTES` or not UTF-8.
    """
    status = path.stat()
    if status.st_size > MAX_CALENDAR_BYTES:
        raise ValueError(
            f"{path} is larger than {MAX_CALENDAR_BYTES // 1024 // 1024} MiB; split it, or export fewer years"
        )
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=32)
def _read(path: Path, _modified_ns: int, _size: int) -> str:
    return path.read_text("utf-8")
