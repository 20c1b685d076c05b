"""Which lines of a stream are the same record, and which of some records are in a stream already."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mission_control.audit.stream.chain import ChainHead, line_digest
from mission_control.audit.stream.segments import Segment, Segments, lines_backwards, parse_line
from mission_control.model.runs.record_identity import record_identity
from mission_control.model.values.instants import format_instant

_MARGIN: Final = timedelta(minutes=10)
"""How far clocks may differ, and a record be written after the one that ended later."""


_SECONDS: Final = len("2026-03-02T09:00:00")


def identity_of(record: Mapping[str, Any]) -> str | None:
    """Return the identity of the record of a change, or of an ending of a run; None if it is neither.

    >>> at = {"timestamp": "2026-03-02T09:00:00.000Z", "revision": 1}
    >>> identity_of({"task_id": "tea", "change": "registered", **at})
    'change:registered:1:2026-03-02T09:00:00.000Z:tea'
    """
    if "change" in record:
        parts = (record.get(name) for name in ("change", "revision", "timestamp", "task_id"))
        return ":".join(["change", *map(str, parts)])
    execution_id = record.get("execution_id")
    if not isinstance(execution_id, str) or "final" not in record or record.get("status") == "rejected":
        return None
    known, delivery = (_number(record.get(name)) for name in ("attempt", "delivery"))
    return record_identity(execution_id, known, is_final=bool(record["final"]), delivery=delivery)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


class Unrepeated:
    """Skips the second line of a record that was written late although it had been written before.

    Such a line says `repaired`. Of each record a number is remembered, some 100 bytes.
    """

    def __init__(self) -> None:
        self._seen: dict[int, bool] = {}

    def accepts(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record counts, because it repeats none that was accepted."""
        identity = identity_of(record)
        if identity is None:
            return True
        key, is_repaired = hash(identity), bool(record.get("repaired"))
        if key in self._seen and (is_repaired or self._seen[key]):
            return False
        self._seen[key] = is_repaired
        return True


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
