"""What a verification of an audit stream finds.

By an acknowledgement a person has looked into a fault, and says so in the stream of changes. The fault stays
visible, and no longer makes the stream unsound. An acknowledgement is a line like any other:
it counts only once it is anchored.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from mission_control.audit.record.records import ChangeRecord
from mission_control.audit.stream.chain import Anchor, KnownTime
from mission_control.audit.stream.reader import read_all
from mission_control.model.values.instants import format_instant

MOST_KEPT: Final = 100
"""How many findings of a kind are kept whole; the others are counted."""


ANCHORED_WITHIN_SECONDS: Final = 30
"""How old a line may be that is not anchored: a killed writer's are, when the sweep has found them."""


_SKEW_SECONDS: Final = 600
ACKNOWLEDGED: Final = "acknowledged"


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


@dataclass(frozen=True)
class Memory:
    """What Redis, or signed checkpoints, remember of writers and runs.

    `read_at` is when the anchors were read, in Unix seconds; `anchors_later` reads them again when every
    writer that lives has anchored its lines; `known_among` returns which of some runs the ledger has.
    Checkpoints have the digests of `signed` lines, by writer and `seq`, and the `hosts` that signed.
    """

    known_time: KnownTime
    read_at: float
    anchors_later: Callable[[], Mapping[str, Anchor]]
    known_among: Callable[[Collection[str]], set[str]]
    signed: Mapping[tuple[str, int], str] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset()

    def is_recent(self, at: str) -> bool:
        """Whether a line of that time may not be anchored yet."""
        return _text(self.read_at - ANCHORED_WITHIN_SECONDS) < at < _text(self.read_at + _SKEW_SECONDS)

    def may_forget_writer(self, at: str, latest: str) -> bool:
        """Whether the writer of a line may be forgotten; `latest` is of when the lines before it are."""
        return _is_before(at, latest, self.known_time.writers)

    def may_forget_run(self, record: Mapping[str, Any], latest: str) -> bool:
        """Whether the run that a record ends may be forgotten."""
        until = self.known_time.of_task(str(record.get("task_id")))
        return _is_before(str(record.get("timestamp")), "" if "repaired" in record else latest, until)


def _is_before(at: str, latest: str, until: float) -> bool:
    # A made-up line can bear any time, but stands where it was put in.
    return at <= _text(until + 1) and latest <= _text(until + _SKEW_SECONDS)


def _text(seconds: float) -> str:
    # Without a fraction it is less than a second off when it is compared as text.
    return format_instant(datetime.fromtimestamp(int(seconds), UTC))


def acknowledgement(faults: Collection[str], *, actor: str, reason: str, at: datetime) -> dict[str, Any]:
    """Return the record that acknowledges the faults with these fingerprints."""
    record = ChangeRecord(timestamp=at, task_id="", change=ACKNOWLEDGED, actor=actor, reason=reason)
    return {**record.to_dict(), "task_id": None, "faults": sorted(faults)}


def read_acknowledgements(path: Path, anchors: Mapping[str, Anchor] | None) -> dict[str, str]:
    """Return who acknowledged which faults, and why, by fingerprint; without `anchors` all count."""
    return {
        str(fault): f"{record.get('actor')}: {record.get('reason')}"
        for record in read_all(path)
        if record.get("change") == ACKNOWLEDGED and (anchors is None or _is_anchored(record, anchors))
        for fault in record.get("faults", ())
    }


def _is_anchored(record: Mapping[str, Any], anchors: Mapping[str, Anchor]) -> bool:
    anchor = anchors.get(str(record.get("writer")))
    return anchor is not None and isinstance(record.get("seq"), int) and record["seq"] <= anchor.seq
