"""What was done to a stream, and what its verification says of it.

This file has more than 250 lines because all its tests tamper with the same stream.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.record.masking import clean_name
from mission_control.audit.stream.chain import Anchor, own_host
from mission_control.audit.stream.log import AuditLog
from mission_control.audit.verification.findings import Kind, Verification
from mission_control.audit.verification.verify import LedgerEnding, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINES = 8


def a_record(number: int, **changes: Any) -> dict[str, Any]:
    record = {
        "timestamp": f"2026-03-02T09:00:{number % 60:02}Z",
        "task_id": "tea",
        "status": "success",
        "output": {"execution_id": "not it", "final": True, "status": "failure"},
        "execution_id": f'te"a@{number}',
        "scheduled_time": "2026-03-02T09:00:00Z",
        "attempt": 1,
        "final": True,
    }
    return {**record, **changes}


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    log = AuditLog(tmp_path / "a.jsonl")
    for number in range(LINES):
        log.append(a_record(number))
    return log


def anchors(log: AuditLog, *, since: int = 0, last: int = 2_000_000_000) -> dict[str, Anchor]:
    head = log.head
    return {head.writer: Anchor(head.seq, head.digest, since, last, str(log.path.resolve()))}


def kinds(verification: Verification) -> dict[str, int]:
    return {str(kind): count for kind, count in verification.counts.items()}


Lines = list[bytes]


def changed(lines: Lines) -> Lines:
    return [*lines[:3], lines[3].replace(b"success", b"failure", 1), *lines[4:]]


def removed(lines: Lines) -> Lines:
    return [*lines[:3], *lines[5:]]


def reordered(lines: Lines) -> Lines:
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


def moved_far(lines: Lines) -> Lines:
    return [*lines[:2], *lines[4:], lines[2], lines[3]]


def copied(lines: Lines) -> Lines:
    return [*lines[:5], lines[2], *lines[5:]]


def put_in_by_hand(lines: Lines) -> Lines:
    return [*lines[:5], b'{"task_id":"tea","status":"success"}', *lines[5:]]


def made_unreadable(lines: Lines) -> Lines:
    return [*lines[:3], b"\0\0\0\0", *lines[4:]]


def torn_between(lines: Lines) -> Lines:
    return [*lines[:3], lines[3][:50], *lines[3:]]


def last_changed(lines: Lines) -> Lines:
    return [*lines[:-1], lines[-1].replace(b"success", b"failure", 1)]


def cut_off(lines: Lines) -> Lines:
    return lines[:-2]


def all_gone(_lines: Lines) -> Lines:
    return []


def first_removed(lines: Lines) -> Lines:
    return lines[1:]


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (lambda lines: lines, {}),
        (changed, {"changed": 1}),
        (removed, {"missing": 1}),
        (reordered, {"missing": 1, "inserted": 1}),
        (moved_far, {"missing": 1, "inserted": 2}),
        (copied, {"inserted": 1, "twice": 1}),
        (put_in_by_hand, {"unchained": 1}),
        (made_unreadable, {"unreadable": 1, "missing": 1}),
        (torn_between, {"unreadable": 1}),
        (last_changed, {"changed": 1}),
        (cut_off, {"cut_off": 1}),
        (all_gone, {"cut_off": 1}),
        (first_removed, {"missing": 1}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_tampering_with_an_anchored_stream_is_found(
    log: AuditLog, tamper: Callable[[Lines], Lines], found: dict[str, int]
) -> None:
    lines = tamper(log.path.read_bytes().splitlines())
    log.path.write_bytes(b"".join(line + b"\n" for line in lines))
    verification = verify(log.path, anchors=anchors(log))
    assert kinds(verification) == found
    assert verification.is_sound == (set(found) <= {"unreadable", "twice"})


@pytest.mark.parametrize("tamper", [last_changed, cut_off, all_gone])
def test_stream_cut_at_its_end_without_anchors_passes_verification(
    log: AuditLog, tamper: Callable[[Lines], Lines]
) -> None:
    lines = tamper(log.path.read_bytes().splitlines())
    log.path.write_bytes(b"".join(line + b"\n" for line in lines))
    verification = verify(log.path)
    assert (verification.is_sound, verification.anchored) == (True, 0)


def test_rewritten_chain_is_not_the_anchored_one(log: AuditLog, tmp_path: Path) -> None:
    forged = AuditLog(tmp_path / "forged.jsonl")
    forged._writer()._chain.writer = log.head.writer
    for number in range(LINES + 2):
        forged.append(a_record(number, output="nothing happened"))
    forged.path.rename(log.path)
    assert kinds(verify(log.path, anchors=anchors(log))) == {"changed": 1}


def test_lines_after_the_anchor_are_counted_as_not_anchored(log: AuditLog) -> None:
    anchored = anchors(log)
    log.append(a_record(LINES))
    verification = verify(log.path, anchors=anchored)
    assert (verification.is_sound, verification.records, verification.anchored) == (True, LINES + 1, LINES)


def test_chains_go_on_over_rotated_and_compressed_files(log: AuditLog) -> None:
    older, newer = (log.path.with_name(f"a.jsonl.{number}") for number in (2, 1))
    log.path.rename(older)
    log.append(a_record(LINES))
    log.path.rename(newer)
    log.append(a_record(LINES + 1))
    packed = older.with_name("a.jsonl.2.gz")
    packed.write_bytes(gzip.compress(older.read_bytes())[:-4])
    in_the_making = verify(log.path, anchors=anchors(log))
    packed.write_bytes(gzip.compress(older.read_bytes()))
    older.unlink()
    verification = verify(log.path, anchors=anchors(log))
    assert (kinds(in_the_making), in_the_making.files) == ({}, 3)
    assert (kinds(verification), verification.records) == ({}, LINES + 2)


def test_stream_whose_old_files_were_rotated_away_is_sound(log: AuditLog) -> None:
    gone = AuditLog(log.path)
    gone.append(a_record(0))
    long_ago = anchors(gone, last=1_000)
    log.path.unlink()
    log.append(a_record(LINES))
    log.path.rename(f"{log.path}.1")
    log.append(a_record(LINES + 1))
    verification = verify(log.path, anchors={**anchors(log), **long_ago})
    assert (verification.is_sound, kinds(verification)) == (True, {"beginning_gone": 1})


def test_anchor_of_another_stream_is_ignored(log: AuditLog) -> None:
    anchor = Anchor(7, "d", 0, 2_000_000_000, "/elsewhere/a.jsonl")
    verification = verify(log.path, anchors={f"{own_host()}-1-abc": anchor})
    assert (verification.is_sound, verification.anchored) == (True, 0)


def ending(status: str = "success", writer: str | None = None) -> LedgerEnding:
    return LedgerEnding(status, 2_000_000_000, writer)


def test_stream_that_differs_from_the_ledger_is_not_sound(log: AuditLog) -> None:
    ledger = {
        'te"a@0': ending(),
        'te"a@1': ending("failure"),
        "forgotten": ending(),
        "unpaid": ending(),
        "far away": ending(writer="another_host-1-abc"),
        "by no writer": ending(),
    }
    verification = verify(log.path, ledger=ledger, pending={"unpaid"})
    assert kinds(verification) == {"disagrees": 1, "unrecorded": 2, "pending": 1, "elsewhere": 1}
    assert verification.unrecorded == ("forgotten", "unpaid", "by no writer")
    assert verification.pending == ("unpaid",)
    assert not verification.is_sound


def test_run_whose_id_the_stream_spells_with_escapes_is_recorded(log: AuditLog) -> None:
    hostile = "tea\x1b[2J\nforged@1"
    log.append(a_record(1, execution_id=clean_name(hostile)))
    verification = verify(log.path, ledger={hostile: ending()})
    assert (verification.counts, verification.unrecorded) == ({}, ())


def test_missing_record_is_looked_for_in_the_stream_of_its_writer(log: AuditLog, tmp_path: Path) -> None:
    gone = AuditLog(tmp_path / "gone.jsonl")
    gone.append(a_record(0))
    anchored = {gone.head.writer: next(iter(anchors(log).values())), **anchors(log)}
    ledger = {
        "removed": ending(writer=log.head.writer),
        "removed with all of its writer's": ending(writer=gone.head.writer),
        "ended by another host's beat": ending(writer="beats_host-1-abc"),
        "expired there": ending(writer="beats_host-1-abc"),
    }
    verification = verify(log.path, anchors=anchored, ledger=ledger)
    assert verification.unrecorded == tuple(ledger)[:2]
    assert kinds(verification) == {"unrecorded": 2, "elsewhere": 2, "cut_off": 1}


def test_record_that_was_written_twice_counts_once(log: AuditLog) -> None:
    log.append(a_record(3, repaired=True))
    verification = verify(log.path)
    assert (verification.is_sound, kinds(verification)) == (True, {"twice": 1})


@pytest.mark.parametrize("second", [{"status": "failure"}, {"attempt": 2}])
def test_run_that_ended_twice_is_a_contradiction(log: AuditLog, second: dict[str, Any]) -> None:
    log.append(a_record(3, **second))
    assert kinds(verify(log.path)) == {"contradictory": 1}


def test_attempts_that_another_one_follows_are_no_endings_of_runs(log: AuditLog) -> None:
    log.append(a_record(99, final=False, status="retry"))
    log.append(a_record(99, final=False, status="retry", attempt=2))
    log.append(a_record(99, attempt=3))
    assert kinds(verify(log.path)) == {}


def test_findings_beyond_a_hundred_are_counted_but_not_kept(log: AuditLog) -> None:
    log.path.write_bytes(b"{}\n" * 1_000)
    verification = verify(log.path)
    assert (len(verification.findings), verification.counts) == (100, {Kind.UNCHAINED: 1_000})
    assert verification.to_dict()["sound"] is False


def test_missing_stream_is_sound(tmp_path: Path) -> None:
    assert verify(tmp_path / "none.jsonl").is_sound
