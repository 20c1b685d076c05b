"""Verifying a stream: every line of all its files, against its chain, the anchors and the ledger."""

import re
from collections.abc import Collection, Mapping
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import IO, Final

import orjson

from mission_control.audit.stream.anchors import Anchor
from mission_control.audit.stream.lines import parse_line
from mission_control.audit.stream.segments import Segment, Segments
from mission_control.audit.verification.chain_check import ChainCheck
from mission_control.audit.verification.endings_check import EndingsCheck, LedgerEnding
from mission_control.audit.verification.findings import Findings, Kind, Verification
from mission_control.model.values.instants import parse_instant

_END: Final = re.compile(rb',"writer":"([\w.-]+)","seq":(\d{1,18}),"prev":"([0-9a-f]{64})"\}\n?\Z')
_LONGEST_END: Final = 256
_FIRST_LINES: Final = 100


def verify(
    path: Path | str,
    *,
    anchors: Mapping[str, Anchor] | None = None,
    ledger: Mapping[str, LedgerEnding] | None = None,
    pending: Collection[str] = (),
) -> Verification:
    """Verify the stream at `path` over all its rotated files.

    Found are lines that were changed, removed, moved, copied or put in by hand; with `anchors` also ends
    that were cut off and chains that were rewritten; with `ledger` (every run that it has ended) runs
    without a record or with another outcome. Not found can be: a change of a writer's very last line and
    a cut at its end, as far as they are not anchored; the removal of a stream's oldest lines, which looks
    like a rotation. Torn and unreadable lines are notes: if a record was lost with them, it is missing.

    Every file is read once, from its beginning; it may be appended to meanwhile.

    Raises:
        PermissionError: a file may not be read.
    """
    return _Verifier(Path(path), anchors if anchors is not None else {}).run(ledger, pending)


class _Verifier:
    def __init__(self, path: Path, anchors: Mapping[str, Anchor]) -> None:
        self._path = path
        self._findings = Findings()
        self._chains = ChainCheck(anchors, self._findings)
        self._endings = EndingsCheck(self._findings)
        self._lines = self._records = 0
        self._begins: float | None = None

    def run(self, ledger: Mapping[str, LedgerEnding] | None, pending: Collection[str]) -> Verification:
        with Segments(self._path) as segments:
            files = segments.oldest_first
            for at, segment in enumerate(files):
                self._segment(segment, is_oldest=at == 0 and len(files) > 1)
        anchored = self._chains.finish(self._path, self._begins)
        unrecorded = self._compare(ledger, pending) if ledger is not None else []
        return Verification(
            path=self._path,
            files=len(files),
            lines=self._lines,
            records=self._records,
            anchored=anchored,
            writers=len(self._chains.chains),
            findings=tuple(self._findings.kept),
            counts=dict(self._findings.counts),
            unrecorded=tuple(unrecorded),
            pending=tuple(one for one in unrecorded if one in pending),
        )

    def _compare(self, ledger: Mapping[str, LedgerEnding], pending: Collection[str]) -> list[str]:
        writers = self._chains.writers(self._path)
        return self._endings.compare(ledger, pending=pending, writers=writers, begins=self._begins)

    def _segment(self, segment: Segment, *, is_oldest: bool) -> None:
        file, problem = segment.plain()
        if problem is not None:
            self._findings.add(Kind.DAMAGED, problem, segment.path)
        with file:
            if is_oldest:
                self._begins = _latest_of_the_first(file)
            file.seek(0)
            self._read(file, segment.path)

    def _read(self, file: IO[bytes], path: Path) -> None:
        """Read a file's lines. This loop is nearly all of the work, which is why it is one piece."""
        chains, note_ending = self._chains.chains, self._endings.line
        number = 0
        for number, raw in enumerate(file, start=1):
            end = _END.search(raw, max(0, len(raw) - _LONGEST_END))
            if end is None:
                self._no_record(raw, path, number)
                continue
            self._records += 1
            writer, seq, prev = end.groups()
            digest = sha256(raw[:-1] if raw[-1] == 10 else raw).hexdigest().encode()  # noqa: PLR2004  # line feed
            chain = chains.get(writer)
            if chain is not None and int(seq) == chain.seq + 1 and prev == chain.digest:
                chain.seq += 1
                chain.digest = digest
                if chain.seq == chain.anchor_seq:
                    chain.digest_at_anchor = digest
            else:
                self._chains.odd_line(writer, int(seq), prev, digest, file=path, line=number)
            note_ending(raw, path, number)
        self._lines += number

    def _no_record(self, raw: bytes, path: Path, number: int) -> None:
        line = raw.strip(b"\n")
        if not line:
            return
        parsed = parse_line(line)
        if isinstance(parsed, str):
            self._findings.add(Kind.UNREADABLE, parsed, path, number)
        else:
            self._findings.add(Kind.UNCHAINED, "a record without a chain: put in by hand", path, number)


def _latest_of_the_first(file: IO[bytes]) -> float | None:
    """Return when the oldest lines were written: the latest of a few, as one may be a late record."""
    found = [moment for raw in islice(file, _FIRST_LINES) if (moment := _moment(raw)) is not None]
    return max(found, default=None)


def _moment(raw: bytes) -> float | None:
    try:
        return parse_instant(orjson.loads(raw)["timestamp"]).timestamp()
    except (ValueError, KeyError, TypeError):
        return None
