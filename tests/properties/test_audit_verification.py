"""Whatever is done to a byte or a line of an anchored stream is found."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import assume, given
from hypothesis import strategies as st

from mission_control.audit.stream.chain import Anchor
from mission_control.audit.stream.log import AuditLog
from mission_control.audit.verification.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

LINES = 6


def is_sound_after(tamper: Callable[[bytes], bytes], writers: int = 2) -> bool:
    """Write a stream of two interleaved writers, tamper with it, and verify it."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.jsonl"
        logs = [AuditLog(path) for _ in range(writers)]
        for number in range(LINES):
            logs[number % writers].append({"number": number, "output": "ü" * number})
        heads = [log.head for log in logs]
        anchors = {
            head.writer: Anchor(head.seq, head.digest, 0, 2**31, str(path.resolve())) for head in heads
        }
        content = path.read_bytes()
        tampered = tamper(content)
        assume(tampered != content)
        path.write_bytes(tampered)
        for log in logs:
            log._writer().close()
        return verify(path, anchors=anchors).is_sound


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 255))
def test_changed_byte_is_reported(place: float, byte: int) -> None:
    def change(content: bytes) -> bytes:
        at = int(place * len(content))
        return content[:at] + bytes([byte]) + content[at + 1 :]

    assert not is_sound_after(change)


@given(st.floats(0, 1, exclude_max=True))
def test_truncation_is_reported(place: float) -> None:
    def cut(content: bytes) -> bytes:
        # All but the last line feed is a whole stream.
        return content[: min(int(place * len(content)), len(content) - 2)]

    assert not is_sound_after(cut)


@given(st.sets(st.integers(0, LINES - 1), min_size=1))
def test_removed_lines_are_reported(removed: set[int]) -> None:
    def remove(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        return b"".join(line for number, line in enumerate(lines) if number not in removed)

    assert not is_sound_after(remove)


@given(st.permutations(range(LINES)))
def test_reordered_lines_are_reported(order: list[int]) -> None:
    def reorder(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        return b"".join(lines[number] for number in order)

    assert not is_sound_after(reorder, writers=1)


@given(st.integers(0, LINES - 1), st.integers(0, LINES))
def test_duplicated_line_is_reported(source: int, target: int) -> None:
    def copy(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        return b"".join([*lines[:target], lines[source], *lines[target:]])

    assert not is_sound_after(copy)
