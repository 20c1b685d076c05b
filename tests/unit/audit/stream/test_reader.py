from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.stream.log import AuditLog
from mission_control.audit.stream.reader import RecordFilter, read_all, tail
from mission_control.audit.stream.segments import rotated

if TYPE_CHECKING:
    from mission_control.audit.stream.lines import CorruptLine


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "task_execution.jsonl")


def write(log: AuditLog, *numbers: int, **fields: Any) -> None:
    for number in numbers:
        log.append({"number": number, **fields})


def rename(log: AuditLog, suffix: str) -> None:
    log.path.rename(f"{log.path}{suffix}")


def numbers(records: list[dict[str, Any]]) -> list[int]:
    return [record["number"] for record in records]


def test_tail_returns_the_last_records_oldest_first(log: AuditLog) -> None:
    write(log, *range(10))

    assert numbers(tail(log.path, 3)) == [7, 8, 9]


def test_missing_stream_has_no_records(tmp_path: Path) -> None:
    assert tail(tmp_path / "none" / "a.jsonl", 5) == []
    assert list(read_all(tmp_path / "none" / "a.jsonl")) == []


def test_asking_for_nothing_gives_nothing(log: AuditLog) -> None:
    write(log, 1)

    assert tail(log.path, 0) == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"task_id": "a"}, [1, 2]),
        ({"task_id": "a", "status": "failure"}, [2]),
        ({"status": "failure"}, [2, 4]),
        ({"execution_id": "b@3"}, [3]),
        ({"execution_id": "a@3"}, []),
        ({"task_id": "ä"}, [5]),
    ],
)
def test_records_are_filtered_by_their_values(
    log: AuditLog, wanted: dict[str, Any], expected: list[int]
) -> None:
    write(log, 1, task_id="a", status="success", execution_id="a@1")
    write(log, 2, task_id="a", status="failure", execution_id="a@2", output="b")
    write(log, 3, task_id="b", status="success", execution_id="b@3", output="a")
    write(log, 4, task_id="b", status="failure", execution_id="b@4", output={"task_id": "a"})
    write(log, 5, task_id="ä", status="success")

    assert numbers(tail(log.path, 10, **wanted)) == expected


def test_records_that_others_wrote_with_spaces_are_found_too(log: AuditLog) -> None:
    log.path.write_text('{"task_id": "a", "number": 1}\n')

    assert numbers(tail(log.path, 1, task_id="a")) == [1]


def test_numbered_files_are_read_from_the_highest_to_the_live_one(log: AuditLog) -> None:
    for number, suffix in enumerate([".11", ".10", ".2", ".1"]):
        write(log, number)
        rename(log, suffix)
    write(log, 4)

    assert numbers(list(read_all(log.path))) == [0, 1, 2, 3, 4]
    assert numbers(tail(log.path, 3)) == [2, 3, 4]


def test_dated_and_compressed_files_of_logrotate_are_read(log: AuditLog) -> None:
    for number, suffix in enumerate(["-20261101", "-20261102", "-20261102-1400"]):
        write(log, number)
        rename(log, suffix)
    write(log, 3)
    packed = Path(f"{log.path}-20261101")
    Path(f"{packed}.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()

    assert numbers(list(read_all(log.path))) == [0, 1, 2, 3]
    assert numbers(tail(log.path, 4)) == [0, 1, 2, 3]


def test_other_files_in_the_folder_are_not_part_of_the_stream(log: AuditLog) -> None:
    write(log, 1)
    rename(log, ".1")
    for name in ("task_execution.jsonl.bak", "task_execution.jsonl.1~", "task_execution.jsonl-old", "x.1"):
        (log.path.parent / name).write_text("no records")

    assert rotated(log.path) == [log.path.with_name("task_execution.jsonl.1")]


def test_lines_that_are_no_records_are_reported_with_their_place_and_passed_over(log: AuditLog) -> None:
    write(log, 1)
    size = log.path.stat().st_size
    with log.path.open("ab") as file:
        file.write(b'{"number": 2, "out\n[1]\n\0\0\0\n\xff\n\n')
    write(log, 3)
    found: list[CorruptLine] = []

    assert numbers(list(read_all(log.path, on_corrupt=found.append))) == [1, 3]
    assert [(line.line, line.offset) for line in found] == [
        (2, size),
        (3, size + 19),
        (4, size + 23),
        (5, size + 27),
    ]
    assert found[0].reason == "torn: it ends in the middle"
    assert str(found[1]) == f"{log.path}, line 3: not a JSON object: '[1]'"


def test_torn_last_line_is_reported_and_records_before_it_are_read(log: AuditLog) -> None:
    write(log, 1, 2)
    with log.path.open("ab") as file:
        file.write(b'{"number": 3')
    found: list[CorruptLine] = []

    assert numbers(tail(log.path, 5, on_corrupt=found.append)) == [1, 2]
    assert [line.excerpt for line in found] == ["""'{"number": 3'"""]


def test_damaged_compressed_file_is_read_as_far_as_possible_and_reported(log: AuditLog) -> None:
    write(log, 1)
    packed = gzip.compress(log.path.read_bytes())
    Path(f"{log.path}.1.gz").write_bytes(packed[:-4])
    log.path.unlink()
    write(log, 2)
    found: list[CorruptLine] = []

    assert numbers(tail(log.path, 5, on_corrupt=found.append)) == [1, 2]
    assert [line.file.name for line in found] == ["task_execution.jsonl.1.gz"]


def test_record_that_was_written_twice_counts_once(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    ending = {"timestamp": "2026-03-02T09:00:00Z", "execution_id": "a@1", "attempt": 1, "final": True}
    for record in (ending, {**ending, "attempt": 2}, {**ending, "repaired": True}):
        log.append(record)
    assert [one["attempt"] for one in tail(log.path, 10)] == [2, 1]
    assert [one["attempt"] for one in read_all(log.path)] == [1, 2]


def test_records_can_be_chosen_by_time_and_kind(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a.jsonl")
    for minute in range(5):
        stamp = f"2026-03-02T09:0{minute}:00.500Z"
        log.append({"timestamp": stamp, "execution_id": str(minute), "final": minute % 2 == 0})
    log.append({"timestamp": "no time", "execution_id": "x", "final": True})
    since, until = (datetime(2026, 3, 2, 9, minute, 0, 500_000, UTC) for minute in (1, 4))
    timely = RecordFilter(since=since, until=until)
    assert [one["execution_id"] for one in read_all(log.path, wanted=timely)] == ["1", "2", "3"]
    final = RecordFilter(since=since, until=until, is_final=True)
    assert [one["execution_id"] for one in read_all(log.path, wanted=final)] == ["2"]
