"""Checking the chains of a stream: every line follows its writer's line before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mission_control.audit.stream.chain import GENESIS, Anchor, ChainHead, host_of, own_host
from mission_control.audit.verification.findings import Findings, Kind, Memory


@dataclass(slots=True)
class _Chain:
    """Where a writer stands: its last line, the first that was seen, and the one that is anchored."""

    seq: int
    digest: str
    first: int
    anchor: Anchor | None
    digest_at_anchor: str = ""
    at: str = ""
    latest: str = ""

    def move_on(self, seq: int, digest: str) -> None:
        self.seq, self.digest = seq, digest
        if self.anchor is not None and seq == self.anchor.seq:
            self.digest_at_anchor = digest


class ChainCheck:
    """Collects what is wrong with the chains of one stream."""

    def __init__(
        self, anchors: Mapping[str, Anchor], findings: Findings, memory: Memory | None = None
    ) -> None:
        self._signed = {} if memory is None else memory.signed
        self._hosts = frozenset((own_host(),) if memory is None else memory.hosts or (own_host(),))
        self._chains: dict[str, _Chain] = {}
        self._anchors = anchors
        self._findings = findings
        self.latest = ""
        """The latest time of the lines so far, of writers that are anchored."""

    def line(self, head: ChainHead, record: Mapping[str, Any], *, file: Path, line: int) -> None:
        """Take in a line: the head of its chain after it, and its record."""
        prev = record["prev"]
        chain = self._chains.get(head.writer)
        if chain is None:
            chain = self._begin(head, prev, file, line)
        elif head.seq <= chain.seq:
            message = f"a second line {head.seq} of writer {head.writer}: moved, copied or put in by hand"
            self._findings.add(Kind.INSERTED, message, file, line, content=head.digest)
            return
        elif head.seq > chain.seq + 1:
            message = f"{_lines(chain.seq + 1, head.seq - 1)} of writer {head.writer} missing before this one"
            self._findings.add(Kind.MISSING, message, file, line)
        elif prev != chain.digest:
            message = f"line {chain.seq} of writer {head.writer} was changed: the one here does not follow it"
            self._findings.add(Kind.CHANGED, message, file, line, content=chain.digest)
        if self._signed.get((head.writer, head.seq), head.digest) != head.digest:
            message = f"line {head.seq} of writer {head.writer} was changed: not what was signed"
            self._findings.add(Kind.CHANGED, message, file, line, content=head.digest)
        chain.move_on(head.seq, head.digest)
        chain.at, chain.latest = str(record.get("timestamp")), self.latest
        if chain.anchor is not None and "repaired" not in record:
            self.latest = max(self.latest, chain.at)

    def finish(self, path: Path, begins: float | None) -> int:
        """Judge beginnings and ends, and return how many lines are anchored.

        `begins` is when the oldest line that is left was written, None if there is no older file that
        can have been dropped: what ended before then was rotated away.
        """
        for name, chain in self._chains.items():
            self._judge_beginning(name, chain, begins)
        ours = self.writers(path)
        return sum(
            self._judge_end(name, anchor, begins) for name, anchor in self._anchors.items() if name in ours
        )

    def find_unknown(self, memory: Memory) -> None:
        """Look for lines that Redis has not heard of although it should have."""
        suspects = {name: chain for name, chain in self._chains.items() if _is_suspect(chain, memory)}
        anchors = memory.anchors_later() if suspects else {}
        for name, chain in suspects.items():
            anchor = anchors.get(name)
            if anchor is None:
                message = f"{_lines(chain.first, chain.seq)} of writer {name}, which was never anchored"
                self._findings.add(Kind.UNKNOWN_WRITER, message, content=chain.digest)
            elif anchor.seq < chain.seq:
                message = f"{_lines(anchor.seq + 1, chain.seq)} of writer {name} were never anchored"
                self._findings.add(Kind.UNANCHORED, message, content=chain.digest)

    @property
    def count(self) -> int:
        """Of how many writers there are lines."""
        return len(self._chains)

    def writers(self, path: Path) -> set[str]:
        """Return who wrote to the stream at `path`, also those of whom no line is left."""
        seen = set(self._chains)
        place, hosts = str(path.resolve()), {*self._hosts, *(host_of(writer) for writer in seen)}
        gone = {
            name for name, anchor in self._anchors.items() if anchor.path == place and host_of(name) in hosts
        }
        return seen | gone

    def _begin(self, head: ChainHead, prev: str, file: Path, line: int) -> _Chain:
        if head.seq == 1 and prev != GENESIS:
            message = f"line 1 of writer {head.writer} was changed: it names a line before it"
            self._findings.add(Kind.CHANGED, message, file, line, content=head.digest)
        chain = self._chains[head.writer] = _Chain(0, GENESIS, head.seq, self._anchors.get(head.writer))
        return chain

    def _judge_beginning(self, name: str, chain: _Chain, begins: float | None) -> None:
        if chain.first == 1:
            return
        anchor = self._anchors.get(name)
        lines = _lines(1, chain.first - 1)
        if anchor is not None and (begins is None or anchor.since > begins + 1):
            self._findings.add(Kind.MISSING, f"{lines} of writer {name} missing")
        else:
            message = f"{lines} of writer {name} not there: in files that are gone, or removed"
            self._findings.add(Kind.BEGINNING_GONE, message)

    def _judge_end(self, name: str, anchor: Anchor, begins: float | None) -> int:
        chain = self._chains.get(name)
        if chain is None:
            if begins is None or anchor.last > begins + 1:  # or it was rotated away
                self._findings.add(Kind.CUT_OFF, f"all {anchor.seq} lines of writer {name} missing")
            return 0
        if chain.seq < anchor.seq:
            message = f"{_lines(chain.seq + 1, anchor.seq)} of writer {name} cut off at the end"
            self._findings.add(Kind.CUT_OFF, message)
        elif (name, anchor.seq) in self._signed:
            pass  # compared when the line was read
        elif chain.digest_at_anchor and chain.digest_at_anchor != anchor.digest:
            message = (
                f"line {anchor.seq} of writer {name} was changed, with all that follow: not what is anchored"
            )
            self._findings.add(Kind.CHANGED, message, content=chain.digest_at_anchor)
        return max(0, min(chain.seq, anchor.seq) - chain.first + 1)


def _is_suspect(chain: _Chain, memory: Memory) -> bool:
    if memory.is_recent(chain.at):
        return False
    if chain.anchor is None:
        return not memory.may_forget_writer(chain.at, chain.latest)
    return chain.anchor.seq < chain.seq


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first} to {last}"
