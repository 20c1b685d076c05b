"""Files that would fill the memory: one line without an end, packed into a small file or not."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from mission_control.audit.stream import lines, reader
from mission_control.audit.stream.lines import LONGEST_LINE_BYTES
from mission_control.audit.stream.log import AuditLog
from mission_control.audit.stream.reader import Follower, read_all, tail
from mission_control.audit.stream.written_identities import written_identities
from mission_control.audit.verification.verify import verify
from mission_control.dispatch.run_logs import _last_that_fit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mission_control.audit.stream.lines import CorruptLine

KIBIBYTE = 1024
HUGE = 16_000 * KIBIBYTE
MOST_HELD = 5_000 * KIBIBYTE
NOTED = "longer than 0 MiB, as no record is"


@pytest.fixture(autouse=True)
def _short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (lines, reader):
        monkeypatch.setattr(module, "LONGEST_LINE_BYTES", 100 * KIBIBYTE)
    monkeypatch.setattr(lines, "_MOST_READ", 100 * KIBIBYTE + 1)


def a_record(number: int) -> dict[str, Any]:
    stamp = f"2026-03-02T09:0{number}:00Z"
    return {"timestamp": stamp, "number": number, "execution_id": f"a@{number}", "attempt": 1, "final": True}


@pytest.fixture(params=["packed", "plain"])
def stream(request: pytest.FixtureRequest, tmp_path: Path) -> AuditLog:
    """Two records, a huge line and a third record in a rotated file; a fourth in the live one."""
    log = AuditLog(tmp_path / "a.jsonl")
    log.append(a_record(1))
    log.append(a_record(2))
    with log.path.open("ab") as file:
        file.write(b"x" * HUGE + b"\n")
    log.append(a_record(3))
    if request.param == "packed":
        content = gzip.compress(log.path.read_bytes(), compresslevel=1)
        assert len(content) < HUGE / 100
        log.path.with_name("a.jsonl.1.gz").write_bytes(content)
        log.path.unlink()
    else:
        log.path.rename(log.path.with_name("a.jsonl.1"))
    log.append(a_record(4))
    return log


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_HELD


def test_huge_line_is_noted_by_a_verification_in_little_memory(stream: AuditLog) -> None:
    with little_memory():
        found = verify(stream.path)
    assert (found.is_sound, found.records, found.lines) == (True, 4, 5)
    assert [(one.kind, one.line, one.message) for one in found.findings] == [("unreadable", 3, NOTED)]


def test_records_around_a_huge_line_are_read_in_little_memory(stream: AuditLog) -> None:
    found: list[CorruptLine] = []
    with little_memory():
        assert [one["number"] for one in read_all(stream.path, on_corrupt=found.append)] == [1, 2, 3, 4]
        assert [one["number"] for one in tail(stream.path, 4, on_corrupt=found.append)] == [1, 2, 3, 4]
        assert [one["number"] for one in tail(stream.path, 2)] == [3, 4]
        assert [one["number"] for one in tail(stream.path, 1, execution_id="a@2")] == [2]
    assert [line.reason for line in found] == [NOTED, NOTED]
    assert {line.offset for line in found} == {found[0].offset}


def test_identity_before_a_huge_line_is_found_in_little_memory(stream: AuditLog) -> None:
    with little_memory():
        known = written_identities(
            stream.path, {"1:1:a@1", "1:1:a@4"}, since=datetime(2026, 3, 2, 9, 10, tzinfo=UTC)
        )
        later = written_identities(
            stream.path, {"1:1:a@1", "1:1:a@4"}, since=datetime(2026, 3, 2, 9, 12, tzinfo=UTC)
        )
    assert sorted(known) == ["1:1:a@1", "1:1:a@4"]
    assert sorted(later) == ["1:1:a@4"]


def test_follower_passes_over_a_huge_line_in_little_memory(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    log.append(a_record(1))
    found: list[CorruptLine] = []
    follower = Follower(log.path, on_corrupt=found.append)
    with log.path.open("ab") as file:
        file.write(b"x" * HUGE)
    with little_memory():
        assert follower.poll() == []
    with log.path.open("ab") as file:
        file.write(b"\n")
    log.append(a_record(2))
    assert [one["number"] for one in follower.poll()] == [2]
    assert found
    follower.close()


def test_rotated_name_that_is_no_file_is_a_fault_and_hides_nothing(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    log.append(a_record(1))
    os.mkfifo(log.path.with_name("a.jsonl.1"))
    found: list[CorruptLine] = []
    assert [one["number"] for one in read_all(log.path, on_corrupt=found.append)] == [1]
    assert [one["number"] for one in tail(log.path, 5, on_corrupt=found.append)] == [1]
    verification = verify(log.path)
    (finding,) = verification.findings
    assert (verification.is_sound, finding.kind) == (False, "damaged")
    assert "it is not a regular file" in finding.message
    assert {line.reason for line in found} == {finding.message}


def test_log_of_a_run_is_archived_with_its_last_lines_that_readers_take() -> None:
    kept = [["2026-03-02T09:00:00Z", 1, "out", number, "\u20ac" * 2_000] for number in range(4_000)]
    archived = _last_that_fit(kept)
    assert 1_000 < len(archived) < len(kept)
    assert archived == kept[-len(archived) :]
    assert len(orjson.dumps(archived)) < LONGEST_LINE_BYTES
    assert _last_that_fit(kept[:1_000]) == kept[:1_000]
