"""What a verification of an audit stream finds."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

MOST_KEPT: Final = 100
"""How many findings of a kind are kept whole; the others are counted."""


class Kind(StrEnum):
    """What is wrong; those in `NOTES` are worth knowing and are no fault of the stream."""

    CHANGED = "changed"
    MISSING = "missing"
    INSERTED = "inserted"
    UNCHAINED = "unchained"
    UNANCHORED = "unanchored"
    UNKNOWN_WRITER = "unknown_writer"
    UNKNOWN_RUN = "unknown_run"
    CUT_OFF = "cut_off"
    DAMAGED = "damaged"
    CONTRADICTORY = "contradictory"
    DISAGREES = "disagrees"
    UNRECORDED = "unrecorded"
    UNREADABLE = "unreadable"
    BEGINNING_GONE = "beginning_gone"
    TWICE = "twice"
    PENDING = "pending"
    ELSEWHERE = "elsewhere"


NOTES: Final = frozenset({Kind.UNREADABLE, Kind.BEGINNING_GONE, Kind.TWICE, Kind.PENDING, Kind.ELSEWHERE})


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: where, if it has a place, and in words."""

    kind: Kind
    message: str
    file: str | None = None
    line: int | None = None
    execution_id: str | None = None
    acknowledged: str | None = None

    @property
    def is_note(self) -> bool:
        """Whether this is no fault of the stream, or an acknowledged one."""
        return self.kind in NOTES or self.acknowledged is not None

    def __str__(self) -> str:
        place = (
            "" if self.file is None else f"{self.file}{'' if self.line is None else f', line {self.line}'}: "
        )
        acknowledged = "" if self.acknowledged is None else f" (acknowledged by {self.acknowledged})"
        return f"{place}{self.message}{acknowledged}"


class Findings:
    """Findings as they come up: at most `MOST_KEPT` of a kind are kept, all are counted.

    `acknowledged` has who acknowledged which faults, by their fingerprints. A fingerprint names a fault
    wherever its lines are rotated to, and no other fault.
    """

    def __init__(self, acknowledged: Mapping[str, str]) -> None:
        self.kept: list[Finding] = []
        self.counts: Counter[Kind] = Counter()
        self.faults: set[str] = set()
        self._acknowledged = acknowledged

    def add(
        self,
        kind: Kind,
        message: str,
        file: Path | None = None,
        line: int | None = None,
        execution_id: str | None = None,
        *,
        content: str = "",
    ) -> None:
        """Take in a finding; `content` is the digest of the line that it is about."""
        fingerprint = sha256(f"{kind}\n{message}\n{content}".encode()).hexdigest()[:16]
        acknowledged = self._acknowledged.get(fingerprint)
        if kind not in NOTES and acknowledged is None:
            self.faults.add(fingerprint)
        self.counts[kind] += 1
        if self.counts[kind] <= MOST_KEPT:
            place = None if file is None else str(file)
            self.kept.append(Finding(kind, message, place, line, execution_id, acknowledged))


@dataclass(frozen=True)
class Verification:
    """What became of a verification.

    `records` are lines of a chain; `anchored` those of them that are in Redis's word, too: a change or a
    cut there shows, while of the others a cut at a chain's end does not. `unrecorded` are the runs that the
    ledger has ended and the stream does not know, `pending` those of them whose record is pending. `faults`
    are the fingerprints of what is a fault and not acknowledged.
    """

    path: Path
    files: int
    lines: int
    records: int
    anchored: int
    writers: int
    findings: tuple[Finding, ...]
    counts: dict[Kind, int]
    unrecorded: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    faults: frozenset[str] = frozenset()

    @property
    def is_sound(self) -> bool:
        """Whether nothing but notes and acknowledged faults was found."""
        return not self.faults

    def to_dict(self) -> dict[str, Any]:
        """Return the verification as JSON has it."""
        return {
            "path": str(self.path),
            "sound": self.is_sound,
            "files": self.files,
            "lines": self.lines,
            "records": self.records,
            "anchored": self.anchored,
            "writers": self.writers,
            "counts": {str(kind): count for kind, count in sorted(self.counts.items())},
            "findings": [{**asdict(one), "note": one.is_note} for one in self.findings],
        }
