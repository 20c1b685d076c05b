from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.stream.log import AuditLog
from mission_control.audit.stream.reader import Follower

if TYPE_CHECKING:
    from mission_control.audit.stream.lines import CorruptLine


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "a.jsonl")


def rotate(log: AuditLog) -> None:
    older, old = Path(f"{log.path}.2"), Path(f"{log.path}.1")
    if old.exists():
        old.rename(older)
    log.path.rename(old)


def numbers(records: list[dict[str, Any]]) -> list[int]:
    return [record["number"] for record in records]


def test_follower_of_an_existing_file_sees_later_records_exactly_once(log: AuditLog) -> None:
    log.append({"number": 1})
    follower = Follower(log.path)
    log.append({"number": 2})

    assert numbers(follower.poll()) == [2]
    assert follower.poll() == []
    follower.close()


def test_follower_of_a_missing_file_waits_for_it(log: AuditLog) -> None:
    follower = Follower(log.path)
    assert follower.poll() == []
    log.append({"number": 1})

    assert numbers(follower.poll()) == [1]
    follower.close()


def test_rotations_between_two_looks_lose_nothing(log: AuditLog) -> None:
    log.append({"number": 1})
    follower = Follower(log.path)
    for number in (2, 3):
        log.append({"number": number})
        rotate(log)
    log.append({"number": 4})

    assert numbers(follower.poll()) == [2, 3, 4]
    assert follower.poll() == []
    follower.close()


def test_record_written_to_a_file_just_after_its_rename_is_seen(log: AuditLog) -> None:
    log.append({"number": 1})
    follower = Follower(log.path)
    late = os.open(log.path, os.O_WRONLY | os.O_APPEND)
    rotate(log)
    log.append({"number": 2})
    assert numbers(follower.poll()) == [2]
    os.write(late, b'{"number": 3}\n')
    os.close(late)

    assert numbers(follower.poll()) == [3]
    follower.close()


def test_poll_between_a_rename_and_the_next_record_loses_and_repeats_nothing(log: AuditLog) -> None:
    log.append({"number": 1})
    follower = Follower(log.path)
    rotate(log)
    assert follower.poll() == []
    log.append({"number": 2})

    assert numbers(follower.poll()) == [2]
    follower.close()


def test_unfinished_line_is_left_until_it_is_whole(log: AuditLog) -> None:
    found: list[CorruptLine] = []
    follower = Follower(log.path, on_corrupt=found.append)
    with log.path.open("ab", buffering=0) as file:
        file.write(b'{"numb')
        assert follower.poll() == []
        file.write(b'er": 1}\n')

    assert numbers(follower.poll()) == [1]
    assert found == []
    follower.close()


def test_torn_line_is_reported_once_it_is_ended(log: AuditLog) -> None:
    found: list[CorruptLine] = []
    follower = Follower(log.path, on_corrupt=found.append)
    log.path.write_bytes(b'{"numb')
    log.append({"number": 2})

    assert numbers(follower.poll()) == [2]
    assert [line.offset for line in found] == [0]
    follower.close()


def test_file_truncated_in_place_is_read_from_its_beginning(log: AuditLog) -> None:
    log.append({"number": 1})
    follower = Follower(log.path)
    os.truncate(log.path, 0)
    log.path.write_text('{"number": 2}\n')

    assert numbers(follower.poll()) == [2]
    follower.close()
