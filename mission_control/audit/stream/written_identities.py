"""Which of some records are in a stream already."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import orjson

from mission_control.audit.record.repetitions import REPAIRED, identity_of
from mission_control.audit.stream.lines import lines_backwards, parse_line
from mission_control.audit.stream.segments import Segments
from mission_control.model.values.instants import format_instant

_MARGIN: Final = timedelta(minutes=10)
"""How far clocks may differ, and a record be written after the one that ended later."""

_BEGINNING: Final = b'{"timestamp":"'
_ID_FIELD: Final = b'"execution_id":'
_ID: Final = re.compile(rb'"execution_id":("[^"\\]*(?:\\.[^"\\]*)*")')
_SECONDS: Final = len(b"2026-03-02T09:00:00")


def written_identities(
    path: Path | str, wanted: set[str], ids: set[str], *, since: datetime
) -> dict[str, str]:
    """Return those of `wanted` identities that are in the stream, each with the writer of its record.

    `ids` are the `execution_id`s of their records. It reads lines from the end back to those of ten minutes
    before `since`, and skips records that were written late.
    """
    texts = {orjson.dumps(one) for one in ids}
    found: dict[str, str] = {}
    for line in _lines_since(Path(path), since - _MARGIN):
        # Few lines are read as JSON: the last such field is the record's own.
        id_at = _ID.match(line, line.rfind(_ID_FIELD))
        record = parse_line(line) if id_at is not None and id_at[1] in texts else None
        identity = identity_of(record) if isinstance(record, dict) else None
        if isinstance(record, dict) and identity in wanted:
            found[identity] = str(record.get("writer"))
            if len(found) == len(wanted):
                break
    return found


def _lines_since(path: Path, moment: datetime) -> Iterator[bytes]:
    earliest = format_instant(moment)[:_SECONDS].encode()
    with Segments(path) as segments:
        for segment in segments.newest_first:
            file, _ = segment.plain()
            with file:
                for _, line in lines_backwards(file):
                    if _is_earlier(line, earliest):
                        return
                    yield line


def _is_earlier(line: bytes, earliest: bytes) -> bool:
    begin = len(_BEGINNING)
    is_earlier = line.startswith(_BEGINNING) and line[begin : begin + _SECONDS] < earliest
    return is_earlier and REPAIRED not in line
