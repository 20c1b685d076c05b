"""Which of some records are in a stream already."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mission_control.audit.record.repetitions import identity_of
from mission_control.audit.stream.chain import ChainHead, line_digest
from mission_control.audit.stream.lines import lines_backwards, parse_line
from mission_control.audit.stream.segments import Segment, Segments
from mission_control.model.values.instants import format_instant

_MARGIN: Final = timedelta(minutes=10)
"""How far clocks may differ, and a record be written after the one that ended later."""

_SECONDS: Final = len("2026-03-02T09:00:00")


def written_identities(path: Path | str, wanted: set[str], *, since: datetime) -> dict[str, ChainHead]:
    """Return those of `wanted` identities that are in the stream, each with its writer's chain then.

    It reads records from the end back to those of ten minutes before `since`, and skips records that were
    written late.
    """
    found: dict[str, ChainHead] = {}
    for line, record in _records_since(Path(path), since - _MARGIN):
        identity = identity_of(record)
        if identity in wanted and isinstance(record.get("seq"), int):
            found[identity] = ChainHead(str(record.get("writer")), record["seq"], line_digest(line))
            if len(found) == len(wanted):
                break
    return found


def _records_since(path: Path, moment: datetime) -> Iterator[tuple[bytes, dict[str, Any]]]:
    earliest = format_instant(moment)[:_SECONDS]
    with Segments(path) as segments:
        for segment in segments.newest_first:
            is_older = False
            for line, record in _records(segment):
                if "repaired" in record or str(record.get("timestamp"))[:_SECONDS] >= earliest:
                    yield line, record
                else:
                    is_older = True
                    if not segment.is_packed:
                        break
            if is_older:
                return


def _records(segment: Segment) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield the records of a file from its end, or of a compressed one from its beginning."""
    for _, line in segment.lines() if segment.is_packed else lines_backwards(segment.file):
        if isinstance(record := parse_line(line), dict):
            yield line, record
