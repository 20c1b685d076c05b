from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from mission_control.audit.stream.chain import GENESIS, line_digest
from mission_control.audit.stream.log import AuditLog
from mission_control.errors import AuditWriteError, MissionControlError
from tests.stage.full_device import no_space_for

if TYPE_CHECKING:
    from pathlib import Path


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def records(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in lines(path)]


def test_record_is_one_line_that_ends_with_writer_seq_and_prev(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")

    written = log.append({"task_id": "t", "output": "two\nlines"})

    assert records(log.path) == [written]
    assert list(written) == ["task_id", "output", "writer", "seq", "prev"]
    assert (written["seq"], written["prev"]) == (1, GENESIS)
    assert str(os.getpid()) in written["writer"].split("-")


def test_record_carries_the_digest_of_the_line_before_it(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    for number in range(3):
        log.append({"number": number})

    first, second, third = lines(log.path)

    assert orjson.loads(second)["prev"] == line_digest(first)
    assert orjson.loads(third)["prev"] == line_digest(second)
    assert (log.head.seq, log.head.digest) == (3, line_digest(third))


def test_chain_fields_given_by_a_caller_are_overwritten(tmp_path: Path) -> None:
    written = AuditLog(tmp_path / "a.jsonl").append({"seq": 99, "prev": "x", "writer": "me", "n": 1})

    assert list(written) == ["n", "writer", "seq", "prev"]
    assert written["seq"] == 1


def test_record_that_json_cannot_hold_is_cut_and_still_chained(tmp_path: Path) -> None:
    written = AuditLog(tmp_path / "a.jsonl").append({"large": list(range(20_000)), "no_json": {1}})

    assert list(written)[-3:] == ["writer", "seq", "prev"]
    assert records(tmp_path / "a.jsonl") == [written]


def test_logs_sharing_a_file_are_separate_writers(tmp_path: Path) -> None:
    first, second = AuditLog(tmp_path / "a.jsonl"), AuditLog(tmp_path / "a.jsonl")

    assert first.append({})["writer"] != second.append({})["writer"]
    assert [record["seq"] for record in records(first.path)] == [1, 1]


def test_file_and_directories_are_private_to_their_owner(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "data" / "logs" / "a.jsonl")
    log.append({})

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (log.path, log.path.parent, tmp_path / "data")]

    assert modes == [0o600, 0o700, 0o700]


def test_log_before_its_first_record_creates_no_file(tmp_path: Path) -> None:
    AuditLog(tmp_path / "logs" / "a.jsonl")

    assert list(tmp_path.iterdir()) == []


def test_renamed_log_continues_its_chain_in_a_new_file(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    log.append({"n": 1})
    log.path.rename(tmp_path / "a.jsonl.1")
    log.append({"n": 2})

    (old,), (new,) = lines(tmp_path / "a.jsonl.1"), records(log.path)

    assert (new["seq"], new["prev"]) == (2, line_digest(old))


def test_file_made_by_another_process_after_a_rename_is_used(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    log.append({"n": 1})
    log.path.rename(tmp_path / "a.jsonl.1")
    log.path.touch()
    log.append({"n": 2})

    assert [record["n"] for record in records(log.path)] == [2]


def test_deleted_log_directory_is_created_again(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "logs" / "a.jsonl")
    log.append({"n": 1})
    log.path.unlink()
    log.path.parent.rmdir()
    log.append({"n": 2})

    assert [record["n"] for record in records(log.path)] == [2]


def test_torn_line_is_ended_before_the_next_record(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    log.append({"n": 1})
    with log.path.open("ab") as file:
        file.write(b'{"n": 2, "outp')
    written = log.append({"n": 3})

    assert lines(log.path)[1] == b'{"n": 2, "outp'
    assert orjson.loads(lines(log.path)[2]) == written


def test_size_read_in_mid_write_of_another_process_adds_no_empty_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, real = AuditLog(tmp_path / "a.jsonl"), os.stat
    log.append({"n": 1})

    def in_mid_write(path: str) -> os.stat_result:
        found = list(real(path))
        found[stat.ST_SIZE] -= 10
        return os.stat_result(found)

    monkeypatch.setattr(os, "stat", in_mid_write)
    log.append({"n": 2})
    monkeypatch.undo()

    assert log.path.read_bytes().count(b"\n") == 2
    assert [record["n"] for record in records(log.path)] == [1, 2]


def test_full_disk_is_reported_and_uses_up_no_sequence_number(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    log.path.touch()
    with no_space_for(log.path), pytest.raises(AuditWriteError, match="No space left on device") as caught:
        log.append({"n": 1})
    log.path.unlink()

    assert log.append({"n": 1})["seq"] == 1
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, MissionControlError)
    assert (caught.value.errno, caught.value.filename) == (28, str(log.path))


def test_unwritable_path_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(AuditWriteError, match="Not a directory"):
        AuditLog(tmp_path / "file" / "a.jsonl").append({})
    with pytest.raises(AuditWriteError, match="is no regular file: move it away"):
        AuditLog(tmp_path).append({})


def test_write_interrupted_by_an_exception_begins_a_new_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    before = log.append({"n": 1})
    write = os.write

    def write_and_be_interrupted(descriptor: int, payload: bytes) -> int:
        write(descriptor, payload)
        raise TimeoutLikeError

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_and_be_interrupted)
        with pytest.raises(TimeoutLikeError):
            log.append({"n": 2})
    after = log.append({"n": 3})

    assert (after["seq"], after["prev"]) == (1, GENESIS)
    assert after["writer"] != before["writer"]
    assert [record["n"] for record in records(log.path)] == [1, 2, 3]


def test_signal_handler_that_audits_in_mid_write_begins_a_new_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    write = os.write

    def write_and_audit(descriptor: int, payload: bytes) -> int:
        monkeypatch.setattr(os, "write", write)
        log.append({"n": "from the handler"})
        return write(descriptor, payload)

    monkeypatch.setattr(os, "write", write_and_audit)
    outer = log.append({"n": "interrupted"})
    after = log.append({"n": "after"})

    inner = records(log.path)[0]
    assert [record["n"] for record in records(log.path)] == ["from the handler", "interrupted", "after"]
    assert inner["writer"] != outer["writer"]
    assert (after["writer"], after["seq"], after["prev"]) == (
        inner["writer"],
        2,
        line_digest(lines(log.path)[0]),
    )


class TimeoutLikeError(BaseException):
    """As Celery's soft time limit arrives: from a signal handler, anywhere."""


def test_threads_share_one_chain_in_the_order_of_the_file(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    threads = [threading.Thread(target=append_many, args=(log,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [record["seq"] for record in records(log.path)] == list(range(1, 801))


def append_many(log: AuditLog) -> None:
    for number in range(200):
        log.append({"number": number})
