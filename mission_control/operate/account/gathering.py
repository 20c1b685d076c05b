"""Gathers an account: timetables and records from the files, and the rest from the ledger."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace
from redis import Redis

from mission_control.audit.stream.chain import Anchor, line_digest, own_host
from mission_control.audit.stream.lines import parse_line
from mission_control.audit.stream.segments import Segment, Segments
from mission_control.errors import AccountError
from mission_control.model.runs.run_state import FINAL_STATES
from mission_control.model.values.identifiers import task_of_run
from mission_control.model.values.instants import format_instant, parse_instant
from mission_control.operate.account.account import Account, LedgerView
from mission_control.operate.account.reckoning import MOST_LISTED, Reckoning
from mission_control.operate.account.timetable import Timetables
from mission_control.store import redis_keys
from mission_control.sweep.pending_records import pending_final_runs

_LATE: Final = timedelta(minutes=10)
"""How far clocks may differ, of the machine that writes a record and of the file's."""

DUE_BEFORE: Final = timedelta(minutes=1)
"""How long ago an occurrence must have been due to have a record: beats take over within less."""


_AT_ONCE: Final = 1_000
_RECENT: Final = timedelta(seconds=30)
_NO_ANCHORS: Final[Mapping[str, Mapping[str, Anchor] | None]] = {"runs": None, "changes": None}


@dataclass
class StreamReading:
    """Reads the records of the stream at `path`; memory grows with its writers, not with its lines.

    With `upto` it yields only lines up to these anchors, and passes the others to `later`. A file that was
    written last before `written_since` is left out.
    """

    path: Path
    upto: Mapping[str, Anchor] | None = None
    written_since: datetime | None = None
    later: Callable[[dict[str, Any]], object] = lambda _: None
    _heads: dict[str, _Head] = field(default_factory=dict, init=False)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield them in the order of the files; lines that are no records are passed over.

        Raises:
            PermissionError: a file may not be read.
        """
        with Segments(self.path) as segments:
            for segment in segments.oldest_first:
                if self.written_since is None or _mtime(segment) >= (self.written_since - _LATE).timestamp():
                    lines = (line for _, line in segment.lines() if line)
                    yield from filter(None, (self._taken(line) for line in lines))

    def _taken(self, line: bytes) -> dict[str, Any] | None:
        record = parse_line(line)
        if isinstance(record, str):
            return None
        writer, seq = record.get("writer"), record.get("seq")
        if not (isinstance(writer, str) and isinstance(seq, int)):
            return record if self.upto is None else None
        anchor = None if self.upto is None else self.upto.get(writer)
        if self.upto is not None and (anchor is None or seq > anchor.seq):
            self.later(record)
            return None
        self._heads.setdefault(writer, _Head()).take(seq, line, record)
        return record

    def anchors(self) -> dict[str, Anchor]:
        """Return how far each chain has come in what was read."""
        place = str(self.path.resolve())
        found = self._heads.items()
        return {
            one: Anchor(head.seq, line_digest(head.line), head.since, head.last, place) for one, head in found
        }


@dataclass(slots=True)
class _Head:
    seq: int = 0
    line: bytes = b""
    since: int = 1 << 62
    last: int = 0

    def take(self, seq: int, line: bytes, record: Mapping[str, Any]) -> None:
        if seq > self.seq:
            self.seq, self.line = seq, line
        if "repaired" not in record:
            try:
                at = int(parse_instant(record["timestamp"]).timestamp())
            except (KeyError, TypeError, ValueError):
                return
            self.since, self.last = min(self.since, at), max(self.last, at)


def _mtime(segment: Segment) -> float:
    return os.fstat(segment.file.fileno()).st_mtime


def counted(  # the parts of an account
    runs: Path,
    changes: Path,
    span: tuple[datetime, datetime],
    created: datetime,
    *,
    upto: Mapping[str, Mapping[str, Anchor] | None] = _NO_ANCHORS,
    is_whole: bool = True,
    later: Callable[[dict[str, Any]], object] = lambda _: None,
) -> tuple[Account, Reckoning]:
    """Return the account of a span by the files alone, of what was due a minute before it is `created`.

    Up to the anchors `upto` the files are read, if there are any, and lines beyond go to `later`. Unless it
    `is_whole`, files that were written last before the span are left out, and have no anchors.

    Raises:
        AccountError: nothing was recorded before the span's end, or there are too many occurrences.
        PermissionError: a file may not be read.
    """
    since, until = span
    timetables, now = Timetables(since), created - DUE_BEFORE
    changed = StreamReading(changes, upto["changes"], later=later)
    for record in changed.records():
        timetables.take(record)
    _check_beginning(timetables, until)
    reckoning = Reckoning(since, until, now, timetables)
    moved = (to for to in timetables.changed.values() if to is not None)
    written = None if is_whole else min([since, *moved])
    ran = StreamReading(runs, upto["runs"], written, later)
    for record in ran.records():
        reckoning.take(record)
    reckoning.explain()
    anchors = {"runs": ran.anchors(), "changes": changed.anchors()}
    return _account(reckoning, created, anchors), reckoning


def _account(reckoning: Reckoning, created: datetime, anchors: Mapping[str, Mapping[str, Anchor]]) -> Account:
    found = reckoning.by_task()
    counts = {**reckoning.counts, "unrecorded": sum(one[""] for one in found.values())}
    return Account(
        since=reckoning.since,
        until=reckoning.until,
        created=created,
        host=own_host(),
        tasks={name: {cause: n for cause, n in sorted(one.items()) if cause} for name, one in found.items()},
        requested=dict(sorted(reckoning.requested.items())),
        counts={name: counts.get(name, 0) for name in ("unrecorded", "unexpected", "twice")},
        unrecorded=list(islice(reckoning.unrecorded(), MOST_LISTED)),
        unexpected=reckoning.unexpected,
        twice=reckoning.twice,
        unknown=reckoning.unknown,
        anchors={
            stream: {writer: one.to_text() for writer, one in some.items()}
            for stream, some in anchors.items()
        },
    )


def _check_beginning(timetables: Timetables, until: datetime) -> None:
    first = timetables.beginning()
    if first is None:
        raise AccountError("no task was ever registered here; --data-dir (-C) names another data directory")
    if until <= first:
        raise AccountError(
            f"nothing is known of then: the first task was registered at {format_instant(first)};"
            " ask for a later time"
        )


def with_ledger(account: Account, reckoning: Reckoning, client: Redis) -> Account:
    """Return the account with what the ledger says of the occurrences that have no record.

    Raises:
        RedisError: it cannot be asked.
    """
    pending, writers = pending_final_runs(client), account.anchors["runs"]
    recent = account.created - _RECENT
    causes, runs, ended = dict[str, Counter[str]](), dict[str, str](), dict[str, str]()
    fields = "state", "recorded_by", "finished_at"
    for execution_id, (state, writer, finished) in run_fields(client, reckoning.unrecorded(), *fields):
        if state is None:
            continue
        is_new = finished is not None and parse_instant(finished) > recent
        is_pending = execution_id in pending or is_new
        if state in FINAL_STATES and not is_pending and (writer is None or writer in writers):
            ended |= {execution_id: state} if len(ended) < MOST_LISTED else {}
            continue
        where = " (record pending)" if is_pending else " (recorded on another host)"
        cause = f"{state}{where if state in FINAL_STATES else ''}"
        causes.setdefault(task_of_run(execution_id), Counter())[cause] += 1
        runs |= {execution_id: cause} if len(runs) < MOST_LISTED else {}
    return replace(account, ledger=LedgerView({name: dict(one) for name, one in causes.items()}, runs, ended))


def run_fields(
    client: Redis, execution_ids: Iterable[str], *names: str
) -> Iterator[tuple[str, list[str | None]]]:
    """Yield the id of each run with some fields of its hash, None for what is not there.

    Raises:
        RedisError: it cannot be asked.
    """
    ids = iter(execution_ids)
    while batch := list(islice(ids, _AT_ONCE)):
        with client.pipeline(transaction=False) as pipe:
            for execution_id in batch:
                pipe.hmget(redis_keys.run(execution_id), *names)
            answers = pipe.execute(raise_on_error=False)
        for execution_id, answer in zip(batch, answers, strict=True):
            yield execution_id, answer if isinstance(answer, list) else [None] * len(names)
