"""The audit log under real processes, real forks, real rotations and a disk that is really full."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from mission_control.audit.stream.chain import GENESIS, line_digest
from mission_control.audit.stream.log import AuditLog
from mission_control.audit.stream.reader import read_all
from mission_control.audit.stream.segments import rotated
from mission_control.audit.verification.verify import verify
from mission_control.errors import AuditWriteError
from tests.processes.forked import preloaded_context

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from mission_control.audit.stream.lines import CorruptLine

# This tests a fork while threads run.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

PROCESSES = 8
RECORDS = 2_000
FORK = multiprocessing.get_context("fork")
FRESH = preloaded_context()


def run(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def all_lines(path: Path) -> list[bytes]:
    files = [*rotated(path), path]
    return [line for file in files if file.exists() for line in file.read_bytes().split(b"\n") if line]


def chains(lines: list[bytes]) -> dict[str, int]:
    """Return the number of records of each writer, having checked each writer's chain."""
    heads: dict[str, tuple[int, str]] = defaultdict(lambda: (0, GENESIS))
    for line in lines:
        record = orjson.loads(line)
        seq, digest = heads[record["writer"]]
        assert (record["seq"], record["prev"]) == (seq + 1, digest)
        heads[record["writer"]] = (seq + 1, line_digest(line))
    return {writer: seq for writer, (seq, _) in heads.items()}


def append_numbers(path: Path, process: int, started: Any) -> None:
    log = AuditLog(path)
    started.wait(60)
    for number in range(RECORDS):
        log.append({"process": process, "number": number, "output": "x" * (number % 700)})


def test_eight_processes_and_rotations_meanwhile_lose_and_interleave_nothing(tmp_path: Path) -> None:
    path = tmp_path / "task_execution.jsonl"
    # The ninth is the rotation, which goes on until the writers are done.
    started = FRESH.Barrier(PROCESSES + 1)
    writers = [
        FRESH.Process(target=append_numbers, args=(path, number, started)) for number in range(PROCESSES)
    ]
    done = threading.Event()
    rotation = threading.Thread(target=rotate_often, args=(path, started, done))
    rotation.start()
    run(list(writers))
    done.set()
    rotation.join()

    lines = all_lines(path)
    seen = {(record["process"], record["number"]) for record in map(orjson.loads, lines)}

    assert len(rotated(path)) > 2
    assert len(lines) == PROCESSES * RECORDS
    assert seen == {(process, number) for process in range(PROCESSES) for number in range(RECORDS)}
    assert list(chains(lines).values()) == [RECORDS] * PROCESSES
    verification = verify(path)
    assert (verification.counts, verification.records) == ({}, PROCESSES * RECORDS)
    assert b"\n\n" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def rotate_often(path: Path, started: Any, done: threading.Event) -> None:
    started.wait(60)
    number = 10_000
    while not done.wait(0.01):
        if path.exists() and path.stat().st_size > 100_000:
            path.rename(f"{path}.{number}")
            number -= 1


def append_some(log: AuditLog, name: str) -> None:
    for number in range(100):
        log.append({"name": name, "number": number})


def test_forked_child_and_its_parent_write_separate_chains(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    append_some(log, "before")
    run([FORK.Process(target=append_some, args=(log, "child")) for _ in range(3)])
    append_some(log, "after")

    assert sorted(chains(all_lines(log.path)).values()) == [100, 100, 100, 200]


def test_child_forked_while_a_thread_holds_the_log_does_not_hang(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    log.append({"name": "parent"})
    held, release = threading.Event(), threading.Event()
    holder = threading.Thread(target=hold, args=(log, held, release))
    holder.start()
    held.wait(60)
    run([FORK.Process(target=append_some, args=(log, "child"))])
    release.set()
    holder.join()

    assert sorted(chains(all_lines(log.path)).values()) == [1, 100]


def hold(log: AuditLog, held: threading.Event, release: threading.Event) -> None:
    with log._writer()._lock:
        held.set()
        release.wait(60)


def fill_up(path: Path, missing: int) -> None:
    """Append with room for five lines less `missing` bytes; then have room again, and append once more."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = AuditLog(path)
    log.append({"number": 0})
    resource.setrlimit(resource.RLIMIT_FSIZE, (5 * path.stat().st_size - missing, hard))
    append_until_refused(log)
    with pytest.raises(AuditWriteError, match="File too large"):
        log.append({"number": 9})
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    log.append({"number": "room again"})


def append_until_refused(log: AuditLog) -> None:
    for _ in range(1_000):
        try:
            log.append({"number": 1})
        except AuditWriteError:
            return
    pytest.fail("the limit was never reached")


@pytest.mark.parametrize(
    ("missing", "whole_lines", "torn_lines"),
    [(0, 5, 0), (1, 5, 0), (2, 4, 1), (80, 4, 1)],
    ids=["between lines", "before a line feed", "before a closing brace", "within a line"],
)
def test_full_disk_leaves_at_most_one_torn_line_and_next_record_starts_a_new_line(
    tmp_path: Path, missing: int, whole_lines: int, torn_lines: int
) -> None:
    path = tmp_path / "a.jsonl"
    run([FORK.Process(target=fill_up, args=(path, missing))])
    corrupt: list[CorruptLine] = []
    records = list(read_all(path, on_corrupt=corrupt.append))

    assert records[-1]["number"] == "room again"
    assert len(records) == whole_lines + 1
    assert len(corrupt) == torn_lines
    whole = [line for line in all_lines(path) if line not in torn(path, corrupt)]
    assert list(chains(whole).values()) == [len(records)]


def torn(path: Path, corrupt: list[CorruptLine]) -> list[bytes]:
    content = path.read_bytes()
    return [content[line.offset :].split(b"\n")[0] for line in corrupt]


def tear(path: Path, limit: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    append_until_refused(AuditLog(path))


def test_line_torn_by_one_process_is_ended_by_another(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    log.append({"number": "first"})
    run([FORK.Process(target=tear, args=(log.path, 1_000))])
    log.append({"number": "last"})
    corrupt: list[CorruptLine] = []
    records = list(read_all(log.path, on_corrupt=corrupt.append))

    assert [records[0]["number"], records[-1]["number"]] == ["first", "last"]
    assert [line.reason for line in corrupt] == ["torn: it ends in the middle"]
