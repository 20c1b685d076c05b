"""Verifying a stream: every line of all its files, against its chain, the anchors and the ledger."""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from sys import intern
from types import MappingProxyType
from typing import Any, Final

import orjson

from mission_control.audit.record.masking import clean_name
from mission_control.audit.stream.chain import Anchor, ChainHead, line_digest
from mission_control.audit.stream.lines import parse_line
from mission_control.audit.stream.segments import Segment, Segments
from mission_control.audit.verification.chain_check import ChainCheck
from mission_control.audit.verification.findings import Findings, Kind, Memory, Verification
from mission_control.model.values.instants import parse_instant

_FIRST_LINES: Final = 100


@dataclass(frozen=True, slots=True)
class LedgerEnding:
    """How the ledger says a run ended, and when.

    `writer` is the process that reported its final record as written, None if none did.
    """

    status: str
    ended_at: float
    writer: str | None = None


def verify(
    path: Path | str,
    *,
    anchors: Mapping[str, Anchor] | None = None,
    ledger: Mapping[str, LedgerEnding] | None = None,
    pending: Collection[str] = (),
    memory: Memory | None = None,
    acknowledged: Mapping[str, str] = MappingProxyType({}),
) -> Verification:
    """Verify the stream at `path` over all its rotated files.

    Found are lines that were changed, removed, moved, copied or put in by hand; with `anchors` also ends
    that were cut off and chains that were rewritten; with `ledger` (every run that it has ended) runs
    without a record or with another outcome; with `memory` also made-up lines: those of unknown writers,
    those that were never anchored, and final records of unknown runs. Not found can be: a change of a
    writer's very last line and a cut at its end, as far as they are not anchored; the removal of a stream's
    oldest lines, which looks like a rotation. Torn and unreadable lines are notes: if a record was lost with
    them, it is missing. `acknowledged` has the fingerprints of faults that no longer count, with who
    acknowledged them.

    Every file is read from its beginning; it may be appended to meanwhile. Memory does not grow with the
    size of a file or of a line.

    Raises:
        PermissionError: a file may not be read.
    """
    findings = Findings(acknowledged)
    return _Verifier(Path(path), anchors if anchors is not None else {}, findings, memory).run(
        ledger, pending
    )


class _Verifier:
    def __init__(
        self, path: Path, anchors: Mapping[str, Anchor], findings: Findings, memory: Memory | None
    ) -> None:
        self._path = path
        self._findings = findings
        self._memory = memory
        self._ledger: Collection[str] = ()
        self._chains = ChainCheck(anchors, self._findings, memory)
        self._endings = EndingsCheck(self._findings)
        self._lines = self._records = 0
        self._begins: float | None = None

    def run(self, ledger: Mapping[str, LedgerEnding] | None, pending: Collection[str]) -> Verification:
        self._ledger = frozenset(map(clean_name, ledger if ledger is not None else ()))
        with Segments(self._path) as segments:
            files = segments.oldest_first
            for at, segment in enumerate(files):
                self._segment(segment, is_oldest=at == 0 and len(files) > 1)
        anchored = self._chains.finish(self._path, self._begins)
        if self._memory is not None:
            self._chains.find_unknown(self._memory)
            self._endings.find_unknown(self._memory.known_among)
        unrecorded = self._compare(ledger, pending) if ledger is not None else []
        return Verification(
            path=self._path,
            files=len(files),
            lines=self._lines,
            records=self._records,
            anchored=anchored,
            writers=self._chains.count,
            findings=tuple(self._findings.kept),
            counts=dict(self._findings.counts),
            unrecorded=tuple(unrecorded),
            pending=tuple(one for one in unrecorded if one in pending),
            faults=frozenset(self._findings.faults),
        )

    def _compare(self, ledger: Mapping[str, LedgerEnding], pending: Collection[str]) -> list[str]:
        writers = self._chains.writers(self._path)
        return self._endings.compare(ledger, pending=pending, writers=writers, begins=self._begins)

    def _segment(self, segment: Segment, *, is_oldest: bool) -> None:
        if is_oldest:
            self._begins = _latest_of_the_first(segment)
        number = 0
        for number, (_, line) in enumerate(segment.lines(), start=1):
            if line:
                self._line(line, segment.path, number)
        self._lines += number
        if segment.problem is not None:
            size = os.fstat(segment.file.fileno()).st_size
            self._findings.add(Kind.DAMAGED, segment.problem, segment.path, content=f"{size} bytes")

    def _line(self, line: bytes, path: Path, number: int) -> None:
        record = parse_line(line)
        if isinstance(record, str):
            self._findings.add(Kind.UNREADABLE, record, path, number)
            return
        writer, seq, prev = (record.get(name) for name in ("writer", "seq", "prev"))
        if not (isinstance(writer, str) and isinstance(seq, int) and isinstance(prev, str)):
            message = "a record without a chain: put in by hand"
            self._findings.add(Kind.UNCHAINED, message, path, number, content=line_digest(line))
            return
        self._records += 1
        head = ChainHead(writer, seq, line_digest(line))
        self._chains.line(head, record, file=path, line=number)
        is_suspect = self._is_suspect(record)
        self._endings.record(record, head.digest, path, number, is_suspect=is_suspect)

    def _is_suspect(self, record: Mapping[str, Any]) -> bool:
        return (
            self._memory is not None
            and record.get("execution_id") not in self._ledger
            and not self._memory.may_forget_run(record, self._chains.latest)
        )


def _latest_of_the_first(segment: Segment) -> float | None:
    """Return when the oldest lines were written: the latest of a few, as one may be a late record."""
    moments = (_moment(line) for _, line in islice(segment.lines(), _FIRST_LINES))
    return max((moment for moment in moments if moment is not None), default=None)


def _moment(raw: bytes) -> float | None:
    try:
        return parse_instant(orjson.loads(raw)["timestamp"]).timestamp()
    except (ValueError, KeyError, TypeError):
        return None


class EndingsCheck:
    """Collects the final records of a stream, and what is wrong with them."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._suspects: dict[str, tuple[Path, int, str]] = {}
        self._seen: dict[str, str] = {}

    def record(
        self, record: Mapping[str, Any], digest: str, file: Path, line: int, *, is_suspect: bool
    ) -> None:
        """Take in a record; what is no final record of a run is passed over.

        `is_suspect` is whether the ledger remembers all runs of its time.
        """
        execution_id, status = record.get("execution_id"), record.get("status")
        if record.get("final") is not True or not isinstance(execution_id, str) or status == "rejected":
            return  # a message may be refused as often as it comes
        ending = intern(f"{status}, attempt {record.get('attempt')}")
        before = self._seen.get(execution_id)
        if before is None:
            self._seen[execution_id] = ending
            if is_suspect:
                self._suspects[execution_id] = (file, line, digest)
        elif before == ending:
            message = f"{execution_id} is recorded twice, and counts once"
            self._findings.add(Kind.TWICE, message, file, line, execution_id)
        else:
            message = f"{execution_id} ended twice: {before}, and here {ending}"
            self._findings.add(Kind.CONTRADICTORY, message, file, line, execution_id)

    def find_unknown(self, known_among: Callable[[Collection[str]], set[str]]) -> None:
        """Look for records of runs that no ledger had, though it would remember them."""
        known = known_among(self._suspects) if self._suspects else set()
        for execution_id, (file, line, digest) in self._suspects.items():
            if execution_id not in known:
                message = f"the ledger never had run {execution_id}"
                self._findings.add(Kind.UNKNOWN_RUN, message, file, line, execution_id, content=digest)

    def compare(
        self,
        ledger: Mapping[str, LedgerEnding],
        *,
        pending: Collection[str],
        writers: Collection[str],
        begins: float | None,
    ) -> list[str]:
        """Compare with the runs that the ledger has ended; return the ids of those without a record here.

        `pending` are ids of runs whose record is pending. What ended before `begins` is in files
        that are gone. A record by another than this stream's `writers` is elsewhere.
        """
        unrecorded = []
        for execution_id, ending in ledger.items():
            seen = self._seen.get(clean_name(execution_id))
            if seen is not None:
                status = seen.partition(",")[0]
                if status != ending.status:
                    message = f"{execution_id} is {status} here and {ending.status} in the ledger"
                    self._findings.add(Kind.DISAGREES, message, execution_id=execution_id)
            elif begins is not None and ending.ended_at <= begins + 1:
                continue
            elif execution_id not in pending and ending.writer is not None and ending.writer not in writers:
                message = f"{execution_id} was recorded by {ending.writer}, in another stream than this"
                self._findings.add(Kind.ELSEWHERE, message, execution_id=execution_id)
            else:
                unrecorded.append(execution_id)
                self._unrecorded(execution_id, ending, is_pending=execution_id in pending)
        return unrecorded

    def _unrecorded(self, execution_id: str, ending: LedgerEnding, *, is_pending: bool) -> None:
        if is_pending:
            message = f"the record of {execution_id} ({ending.status}) is pending, and will be written"
            self._findings.add(Kind.PENDING, message, execution_id=execution_id)
        else:
            message = f"{execution_id} ended {ending.status} in the ledger and has no record here"
            self._findings.add(Kind.UNRECORDED, message, execution_id=execution_id)
