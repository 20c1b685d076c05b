"""Checking the chains of a stream: every line follows its writer's line before it.

`Chain` is where a writer stands; `verify` itself moves it on as long as each line follows. Everything else
comes here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mission_control.audit.stream.anchors import Anchor
from mission_control.audit.stream.chain import GENESIS, host_of, own_host
from mission_control.audit.verification.findings import Findings, Kind

_GENESIS: Final = GENESIS.encode()


@dataclass(slots=True)
class Gap:
    """Lines `first` to `last` that should have come before `file`, `line`; `digest` is the last one's."""

    first: int
    last: int
    digest: bytes
    file: Path
    line: int


@dataclass(slots=True)
class Chain:
    """Where a writer stands: its last line, the first that was seen, and what is missing in between."""

    seq: int
    digest: bytes
    first: int
    anchor_seq: int = 0
    digest_at_anchor: bytes = b""
    gaps: list[Gap] = field(default_factory=list)


class ChainCheck:
    """Collects what is wrong with the chains of one stream."""

    def __init__(self, anchors: Mapping[str, Anchor], findings: Findings) -> None:
        self.chains: dict[bytes, Chain] = {}
        self._anchors = anchors
        self._findings = findings

    def odd_line(  # a line, and where it stands
        self, writer: bytes, seq: int, prev: bytes, digest: bytes, *, file: Path, line: int
    ) -> None:
        """Take in a line that begins a chain, or does not follow its writer's line before."""
        chain = self.chains.get(writer)
        name = writer.decode()
        if chain is None:
            self._begin(writer, seq, prev, digest, file, line)
        elif seq <= chain.seq:
            self._out_of_place(chain, name, seq, digest, file, line)
        elif seq == chain.seq + 1:
            message = f"line {chain.seq} of writer {name} was changed: the one here does not follow it"
            self._findings.add(Kind.CHANGED, message, file, line)
            self._move_on(chain, seq, digest)
        else:
            chain.gaps.append(Gap(chain.seq + 1, seq - 1, prev, file, line))
            self._move_on(chain, seq, digest)

    def finish(self, path: Path, begins: float | None) -> int:
        """Judge beginnings, gaps and ends, and return how many lines are anchored.

        `begins` is when the oldest line that is left was written, None if there is no older file that
        can have been dropped: what ended before then was rotated away.
        """
        for writer, chain in self.chains.items():
            name = writer.decode()
            self._judge_beginning(name, chain, begins)
            for gap in chain.gaps:
                message = f"{_lines(gap.first, gap.last)} of writer {name} missing before the one here"
                self._findings.add(Kind.MISSING, message, gap.file, gap.line)
        ours = self.writers(path)
        return sum(
            self._judge_end(name, anchor, begins) for name, anchor in self._anchors.items() if name in ours
        )

    def writers(self, path: Path) -> set[str]:
        """Return who wrote to the stream at `path`, also those of whom no line is left."""
        seen = {writer.decode() for writer in self.chains}
        place, hosts = str(path.resolve()), self._hosts()
        gone = {
            name for name, anchor in self._anchors.items() if anchor.path == place and host_of(name) in hosts
        }
        return seen | gone

    def _begin(self, writer: bytes, seq: int, prev: bytes, digest: bytes, file: Path, line: int) -> None:
        if seq == 1 and prev != _GENESIS:
            message = f"line 1 of writer {writer.decode()} was changed: it names a line before it"
            self._findings.add(Kind.CHANGED, message, file, line)
        anchor = self._anchors.get(writer.decode())
        chain = Chain(seq - 1, prev, seq, anchor.seq if anchor is not None else 0)
        self.chains[writer] = chain
        self._move_on(chain, seq, digest)

    def _move_on(self, chain: Chain, seq: int, digest: bytes) -> None:
        chain.seq, chain.digest = seq, digest
        if seq == chain.anchor_seq:
            chain.digest_at_anchor = digest

    def _out_of_place(self, chain: Chain, name: str, seq: int, digest: bytes, file: Path, line: int) -> None:
        gap = next((gap for gap in chain.gaps if gap.first <= seq <= gap.last), None)
        if gap is None:
            message = f"a second line {seq} of writer {name}: a copy, or put in by hand"
            self._findings.add(Kind.INSERTED, message, file, line)
            return
        self._findings.add(Kind.MOVED, f"line {seq} of writer {name} was moved here", file, line)
        if seq == chain.anchor_seq:
            chain.digest_at_anchor = digest
        if seq == gap.last and digest != gap.digest:
            self._findings.add(Kind.CHANGED, f"line {seq} of writer {name} was changed", file, line)
        chain.gaps.remove(gap)
        if gap.first < seq:
            chain.gaps.append(Gap(gap.first, seq - 1, b"", gap.file, gap.line))
        if seq < gap.last:
            chain.gaps.append(Gap(seq + 1, gap.last, gap.digest, gap.file, gap.line))

    def _judge_beginning(self, name: str, chain: Chain, begins: float | None) -> None:
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
        chain = self.chains.get(name.encode())
        if chain is None:
            self._judge_absent(name, anchor, begins)
            return 0
        if chain.seq < anchor.seq:
            message = f"{_lines(chain.seq + 1, anchor.seq)} of writer {name} cut off at the end"
            self._findings.add(Kind.CUT_OFF, message)
        elif chain.digest_at_anchor and chain.digest_at_anchor != anchor.digest.encode():
            message = (
                f"line {anchor.seq} of writer {name} was changed, with all that follow: not what is anchored"
            )
            self._findings.add(Kind.CHANGED, message)
        return max(0, min(chain.seq, anchor.seq) - chain.first + 1)

    def _judge_absent(self, name: str, anchor: Anchor, begins: float | None) -> None:
        if begins is None or anchor.last > begins + 1:  # or it was rotated away
            self._findings.add(Kind.CUT_OFF, f"all {anchor.seq} lines of writer {name} missing")

    def _hosts(self) -> set[str]:
        return {own_host(), *(host_of(writer.decode()) for writer in self.chains)}


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first} to {last}"
