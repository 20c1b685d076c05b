"""Verifying the streams against their signed checkpoints: with a public key, and without Redis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mission_control.audit.stream.chain import Anchor, KnownTime
from mission_control.audit.stream.checkpoints import AT_LEAST_EVERY, signed_text
from mission_control.audit.stream.lines import parse_line
from mission_control.audit.stream.segments import Segments
from mission_control.audit.verification.findings import Findings, Kind, Memory, Verification
from mission_control.audit.verification.verify import verify
from mission_control.model.values.instants import format_instant, parse_instant

IsSigned = Callable[[bytes, bytes], bool]
"""Whether a signature is that of a text."""

_LATEST: Final = AT_LEAST_EVERY + timedelta(hours=1)


def verify_signed(
    checkpoints: Path, streams: Mapping[str, Path], copies: Sequence[Path], is_signed: IsSigned, at: datetime
) -> dict[str, Verification]:
    """Verify the checkpoints in a file, and every stream against them.

    Found is all that `verify` finds with anchors. `copies` are files with checkpoints that were kept apart:
    they count like those of the file, so files that were all rolled back show. `at` is when the files were
    copied: then the newest checkpoint must not be older than two hours.

    Raises:
        PermissionError: a file may not be read.
    """
    signed = SignedChains(is_signed)
    for path in (*copies, checkpoints):
        verification = signed.read(path, at)
    return {"checkpoints": verification, **{name: signed.verify(path) for name, path in streams.items()}}


class SignedChains:
    """What the valid checkpoints of some files say of the chains."""

    def __init__(self, is_signed: IsSigned) -> None:
        self._is_signed = is_signed
        self._anchors: dict[str, Anchor] = {}
        self._digests: dict[tuple[str, int], str] = {}
        self._hosts: set[str] = set()
        self._moments: list[datetime] = []
        self._signatures: set[str] = {""}

    def read(self, path: Path, at: datetime) -> Verification:
        """Take in the checkpoints of a file, and return what is wrong with them."""
        findings, lines, before = Findings({}), 0, len(self._signatures)
        with Segments(path) as segments:
            files = segments.oldest_first
            gone = Kind.BEGINNING_GONE if len(files) > 1 else Kind.MISSING
            for segment in files:
                for number, (_, line) in enumerate(segment.lines(), start=1):
                    lines += 1
                    if (problem := self._problem(line, gone)) is not None:
                        findings.add(*problem, segment.path, number)
                if segment.problem is not None:
                    findings.add(Kind.DAMAGED, segment.problem, segment.path)
        if (late := self._lateness(at)) is not None:
            findings.add(Kind.CUT_OFF, late)
        count = len(self._signatures) - before
        kept, counts, faults = tuple(findings.kept), dict(findings.counts), frozenset(findings.faults)
        return Verification(
            path, len(files), lines, count, count, len(self._hosts), kept, counts, faults=faults
        )

    def verify(self, path: Path) -> Verification:
        """Verify the stream at `path`, wherever it was when it was signed."""
        places = {path.name: str(path.resolve())}
        anchors = {
            name: replace(anchor, path=places.get(Path(anchor.path).name, ""))
            for name, anchor in self._anchors.items()
        }
        if not self._moments:
            return verify(path)
        begins, newest = (moment.timestamp() for moment in (min(self._moments), max(self._moments)))
        memory = Memory(
            KnownTime(writers=begins, runs=begins),
            newest,
            anchors_later=lambda: anchors,
            known_among=set,
            signed=self._digests,
            hosts=frozenset(self._hosts),
        )
        return verify(path, anchors=anchors, memory=memory)

    def _problem(self, line: bytes, gone: Kind) -> tuple[Kind, str] | None:
        """Take in a line, and return what is wrong with it."""
        checkpoint = parse_line(line)
        if isinstance(checkpoint, str):
            return Kind.UNREADABLE, checkpoint
        try:
            signature = bytes.fromhex(checkpoint["signature"])
        except (KeyError, TypeError, ValueError):
            signature = b""
        if not self._is_signed(signature, signed_text(checkpoint)):
            return Kind.CHANGED, "this checkpoint is not signed with this key: it was changed, or made up"
        follows = checkpoint["previous"] in self._signatures
        self._take(checkpoint)
        return None if follows else (gone, "the checkpoint before this one is not there")

    def _take(self, checkpoint: Mapping[str, Any]) -> None:
        self._signatures.add(checkpoint["signature"])
        self._hosts.add(checkpoint["host"])
        self._moments.append(parse_instant(checkpoint["timestamp"]))
        for writer, text in checkpoint["anchors"].items():
            anchor = Anchor.from_text(text)
            if anchor is not None:
                self._digests[writer, anchor.seq] = anchor.digest
                if writer not in self._anchors or self._anchors[writer].seq < anchor.seq:
                    self._anchors[writer] = anchor

    def _lateness(self, at: datetime) -> str | None:
        if not self._moments:
            return "no checkpoint is signed with this key: give beat its MISSION_CONTROL_AUDIT_KEY"
        newest = max(self._moments)
        if at - newest <= _LATEST:
            return None
        return (
            f"the newest checkpoint is of {format_instant(newest)}: the files were rolled back, or beat has"
            " not signed since; --at says when the files were copied"
        )
