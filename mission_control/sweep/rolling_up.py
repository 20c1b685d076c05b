"""Hourly figures of all tasks, kept up from the audit stream as it grows.

Beat's sweep reads what was appended, counts it by hour, task and revision, and writes figures and position in
one transaction, so that each line counts once, whichever process reads it. A file is known by the digest of
its first line, which the chain makes unique, so that rotation and other hosts' copies change nothing.
"""

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

from redis import Redis
from redis.exceptions import WatchError

from mission_control.audit.record.records import STATUSES
from mission_control.audit.stream.lines import LONGEST_LINE_BYTES, parse_line
from mission_control.audit.stream.segments import Segment, Segments
from mission_control.model.figures.rollup import KEPT, WHOLE, RollUp
from mission_control.model.figures.run_totals import counted
from mission_control.model.values.instants import parse_instant
from mission_control.store import redis_keys
from mission_control.sweep.traced_runs import TracedRuns

MOST_TASKS: Final = 10_000
"""How many tasks and revisions an hour distinguishes; all others share the task `*`."""

ALL_OTHERS: Final = "*"
_LINES_AT_ONCE: Final = 4_000
_LINES_OF_REBUILD: Final = 50_000
_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR

Hours = dict[int, dict[str, RollUp]]


@dataclass
class RollingUp:
    """Keeps the hourly figures and the totals up; `path` is the audit stream of runs.

    Guarantees: what it counts is bounded for each call, and nothing is asked of Redis while nothing was
    appended. Does not guarantee that a record counts once that hosts with streams of their own wrote both.
    """

    client: Redis
    path: Path
    clock: Callable[[], datetime]
    traced: TracedRuns | None = None
    _done: dict[tuple[int, int], int] = field(default_factory=dict)

    def advance(self) -> int:
        """Count what was appended, at most some thousand lines; return how many lines were read.

        Compressed files that lay there before anything was counted are left to `rebuild`: each look would
        have to unpack them from their beginnings.
        """
        return self._advance(_LINES_AT_ONCE)

    def rebuild(self) -> int:
        """Forget all figures and count the whole stream again; return how many lines were read."""
        keys = [*self.client.scan_iter(f"{redis_keys.rollup('*')}", count=1_000)]
        self.client.delete(redis_keys.ROLLUP_TOTALS, redis_keys.ROLLUP_POSITIONS, *keys)
        self._done.clear()
        return sum(iter(lambda: self._advance(_LINES_OF_REBUILD), 0))

    def _advance(self, most: int) -> int:
        with Segments(self.path) as segments:
            for segment in segments.oldest_first:
                if (count := self._advance_in(segment, most)) > 0:
                    return count
        return 0

    def _advance_in(self, segment: Segment, most: int) -> int:
        found = os.fstat(segment.file.fileno())
        size = found.st_size
        if segment.problem is not None or self._done.get(segment.identity) == size:
            return 0
        first = next((line for _, line in islice(segment.lines(), 1)), b"")
        name = hashlib.sha256(first).hexdigest()[:32] if first else ""
        position = int(cast("str | None", self.client.hget(redis_keys.ROLLUP_POSITIONS, name)) or 0)
        is_left = segment.is_packed and position == 0 and most == _LINES_AT_ONCE and self._is_old(found)
        lines = [*islice(_complete_lines(segment, position), most)] if name and not is_left else []
        if not lines:
            self._done[segment.identity] = size
            return 0
        self._write(name, position, lines[-1][0], [line for _, line in lines])
        return len(lines)

    def _is_old(self, found: os.stat_result) -> bool:
        return found.st_mtime < self.clock().timestamp() - _DAY

    def _write(self, name: str, position: int, new_position: int, lines: list[bytes]) -> None:
        records = [*_records(lines)]
        hours, totals = _rolled_up(records, self.clock() - KEPT)
        with self.client.pipeline() as pipe:
            pipe.watch(redis_keys.ROLLUP_POSITIONS)  # type: ignore[no-untyped-call]
            if int(cast("str | None", pipe.hget(redis_keys.ROLLUP_POSITIONS, name)) or 0) != position:
                return  # another process has counted them
            merged = {hour: _merged(pipe, hour, tasks) for hour, tasks in hours.items()}
            pipe.multi()
            for hour, tasks in merged.items():
                key = redis_keys.rollup(str(hour))
                pipe.hset(key, mapping=cast("dict[Any, Any]", tasks))
                pipe.expireat(key, hour * _HOUR + int(KEPT.total_seconds()) + _HOUR)
            for counter, count in totals.items():
                pipe.hincrby(redis_keys.ROLLUP_TOTALS, counter, count)
            pipe.hset(redis_keys.ROLLUP_POSITIONS, name, new_position)
            with suppress(WatchError):  # as above
                pipe.execute()
                if self.traced is not None:
                    self.traced.add(records)


def _complete_lines(segment: Segment, position: int) -> Iterator[tuple[int, bytes]]:
    """Yield lines from a position on, each with where it ends; a line in the making is left for later."""
    if segment.is_packed:
        found = ((offset + len(line) + 1, line) for offset, line in segment.lines() if offset >= position)
        yield from found
        return
    segment.file.seek(position)
    while line := segment.file.readline(LONGEST_LINE_BYTES):
        if not line.endswith(b"\n") and len(line) < LONGEST_LINE_BYTES:
            return
        position += len(line)
        yield position, line


def _records(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        record = parse_line(line.rstrip(b"\n")) if line.strip() else None
        if isinstance(record, dict) and record.get("status") in STATUSES and "final" in record:
            yield record


def _rolled_up(records: Iterable[Mapping[str, Any]], since: datetime) -> tuple[Hours, Counter[str]]:
    hours: Hours = defaultdict(lambda: defaultdict(RollUp))
    totals = Counter[str]()
    for record in records:
        totals += counted(record)
        at = _moment(record)
        if at is not None and at >= since:
            for name in (_name(record), WHOLE):
                hours[int(at.timestamp()) // _HOUR][name].add_record(record)
    return hours, totals


def _name(record: Mapping[str, Any]) -> str:
    """Return the field of a task and its revision."""
    revision = record.get("revision")
    return f"{record.get('task_id')}\t{revision if isinstance(revision, int) else 0}"


def _moment(record: Mapping[str, Any]) -> datetime | None:
    try:
        return parse_instant(record["timestamp"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return None


def _merged(pipe: Any, hour: int, tasks: Mapping[str, RollUp]) -> dict[str, str]:  # noqa: ANN401  # watching
    key = redis_keys.rollup(str(hour))
    room = MOST_TASKS + 1 - int(pipe.hlen(key))
    found = dict(zip(tasks, pipe.hmget(key, [*tasks]), strict=True))
    others = f"{ALL_OTHERS}\t0"
    merged = dict[str, RollUp]()
    for name, rolled_up in tasks.items():
        stored = found[name]
        if stored is None and room <= 0:
            stored, name = pipe.hget(key, others) if others not in merged else None, others  # noqa: PLW2901
        room -= stored is None
        known = merged.setdefault(name, RollUp.from_json(json.loads(stored)) if stored else RollUp())
        known.add(rolled_up)
    return {name: json.dumps(one.to_json(), separators=(",", ":")) for name, one in merged.items()}
