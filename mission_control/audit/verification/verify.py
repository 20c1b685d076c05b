"""Verifying a stream: every line of all its files, against its chain, the anchors and the ledger."""

import os
from collections.abc import Collection, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import orjson

from mission_control.audit.record.masking import clean_name
from mission_control.audit.stream.anchors import Anchor
from mission_control.audit.stream.chain import ChainHead, line_digest
from mission_control.audit.stream.lines import parse_line
from mission_control.audit.stream.segments import Segment, Segments
from mission_control.audit.verification.chain_check import ChainCheck
from mission_control.audit.verification.endings_check import EndingsCheck, LedgerEnding
from mission_control.audit.verification.findings import Findings, Kind, Verification
from mission_control.audit.verification.memory import Memory
from mission_control.model.values.instants import parse_instant

_FIRST_LINES: Final = 100


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
