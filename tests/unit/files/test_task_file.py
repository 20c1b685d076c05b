"""Task files, good and bad.

This file has more than 250 lines because each way in which a file can be wrong has a test of its own.
"""

from __future__ import annotations

import json
import os
import stat
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.errors import InvalidTaskError, TaskFileError, UnsafePathError
from mission_control.files.task_file import parse_tasks, read_task_file, write_task_file
from mission_control.model.definitions.task import parse_task
from tests.stage.other_user import TROUBLE, give_away

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mission_control.model.definitions.task import TaskDefinition

ORDINARY_USER = 65534
NAN = float("nan")
DAILY = {"schedule": {"type": "daily", "time": "09:00"}, "handler": "handlers.hello.run"}


def load_task_file(path: Path) -> list[TaskDefinition]:
    return parse_tasks(read_task_file(path).tasks, source=str(path))


def _task(task_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": task_id, **DAILY, **fields}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scheduled_tasks.json"


@pytest.mark.parametrize(
    "data",
    [
        {"tasks": [_task("a"), _task("b")]},
        [_task("a"), _task("b")],
        {"$schema": "task-file.schema.json", "tasks": [_task("a"), _task("b")]},
    ],
    ids=["under tasks", "a list", "with a schema"],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_task_file_is_read_in_both_forms(path: Path, data: object, mark: str) -> None:
    path.write_text(mark + json.dumps(data), encoding="utf-8")
    assert [task.id for task in load_task_file(path)] == ["a", "b"]


@pytest.mark.parametrize("text", ['{"tasks": []}', "[]"])
def test_task_file_without_tasks_is_valid(path: Path, text: str) -> None:
    path.write_text(text)
    assert load_task_file(path) == []


WRITE = 'write {"tasks": [ … ]} and no other key but "limits" and "budgets", or a list of tasks'
# What the file holds, and what is said after its name.
BAD_FILES: list[tuple[str, bytes, str]] = [
    (
        "truncated in a list",
        b'{"tasks": [\n  {"id": "a"},',
        (
            "is not valid JSON: line 2, column 15: Expecting value (the file ends too early; check that it "
            "is complete)"
        ),
    ),
    (
        "truncated in a text",
        b'{"tasks": [\n  {"id": "a',
        (
            "is not valid JSON: line 2, column 10: Unterminated string starting at "
            "(the file ends too early; check that it is complete)"
        ),
    ),
    ("a colon too few", b'[{"id" "a"}, 1]', "is not valid JSON: line 1, column 8: Expecting ':' delimiter"),
    (
        "empty",
        b" \n",
        (
            "is not valid JSON: line 2, column 1: Expecting value (the file ends too early; check that it "
            "is complete)"
        ),
    ),
    ("Latin-1", b'[\n{"name": "Gr\xfc\xdfe"}]', "is not UTF-8: byte 14 (line 2) is 0xfc; save it as UTF-8"),
    (
        "Latin-1 after a mark",
        b'\xef\xbb\xbf["\xfc"]',
        "is not UTF-8: byte 5 (line 1) is 0xfc; save it as UTF-8",
    ),
    ("UTF-16", "[]".encode("utf-16"), "is not UTF-8: byte 0 (line 1) is 0xff; save it as UTF-8"),
    ("binary", b"\x80\x02}q\x00", "is not UTF-8: byte 0 (line 1) is 0x80; save it as UTF-8"),
    ("deep", b"[" * 100_000 + b"]" * 100_000, "is nested too deeply for a task file; use fewer levels"),
    ("bottomless", b'{"a":' * 200_000, "is nested too deeply for a task file; use fewer levels"),
    ("a key twice", b'[{"id": "a", "id": "b"}]', "an object has the key 'id' twice; keep one of them"),
    ("a long integer", b"[" + b"1" * 5_000 + b"]", "an integer has 5,000 digits; write it as text"),
    (
        "a number",
        b"5",
        f"holds 5; {WRITE}",
    ),
    (
        "tasks as text",
        b'{"tasks": "a"}',
        f"holds an object; {WRITE}",
    ),
    (
        "another key",
        b'{"tasks": [], "task": 1}',
        f"holds an object; {WRITE}",
    ),
    (
        "tasks by id",
        b'{"a": {"id": "a"}}',
        f"holds an object; {WRITE}",
    ),
]


@pytest.mark.parametrize(
    ("content", "message"), [row[1:] for row in BAD_FILES], ids=[row[0] for row in BAD_FILES]
)
def test_bad_file_error_names_file_place_and_remedy(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(TaskFileError) as caught:
        load_task_file(path)
    assert str(caught.value) == f"{path}: {message}"


def test_file_of_fifty_megabytes_is_refused_before_it_is_read(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(TaskFileError, match="is too large: 50,000,000 bytes, at most 32 MiB; split it up"):
        load_task_file(path)


def test_missing_file_is_named(path: Path) -> None:
    with pytest.raises(TaskFileError, match=f"{path}: does not exist"):
        read_task_file(path)


def test_directory_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="is a directory; name a file in it"):
        read_task_file(tmp_path)


def test_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TaskFileError, match="is not a regular file"):
        read_task_file(tmp_path / "pipe")


def test_path_with_a_null_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="is not a path"):
        read_task_file(tmp_path / "a\0b")


def test_forbidden_file_error_names_file_and_remedy(path: Path) -> None:
    path.write_text("[]")
    path.chmod(0)
    remedy = "permission denied; run as the file's owner, or change its mode"
    with as_ordinary_user(), pytest.raises(TaskFileError, match=remedy):
        read_task_file(path)


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Do without root's rights for a while, since to root nothing is forbidden."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(ORDINARY_USER)
    try:
        yield
    finally:
        os.seteuid(0)


def test_file_with_bad_tasks_lists_every_problem_and_the_valid_tasks(path: Path) -> None:
    bad = _task("b", schedule={"type": "daily", "time": "25:00"}, enabled="no")
    path.write_text(
        json.dumps({"tasks": [_task("a"), bad, _task("c"), _task("a"), 5, _task("d", tags=None)]})
    )
    with pytest.raises(InvalidTaskError) as caught:
        load_task_file(path)
    assert [problem.path for problem in caught.value.problems] == [
        "tasks[1] (b).schedule.time",
        "tasks[1] (b).enabled",
        "tasks[3] (a).id",
        "tasks[4]",
        "tasks[5] (d).tags",
    ]
    head = str(caught.value).partition("\n")[0]
    assert head == f"{path}: none of 6 tasks was applied (valid: a, c): 5 problems"


def test_duplicate_id_is_reported_with_both_positions() -> None:
    with pytest.raises(InvalidTaskError) as caught:
        parse_tasks([_task("a"), _task("b"), _task("a")])
    (problem,) = caught.value.problems
    assert str(problem) == "tasks[2] (a).id: 'a' is also the id of tasks[0]; give one of them another id"


def test_nan_in_a_file_is_reported_with_its_path(path: Path) -> None:
    path.write_text(
        '[{"id": "a", "schedule": {"type": "daily", "time": "09:00"}, '
        '"handler": "handlers.hello.run", "params": {"ratio": NaN}}]'
    )
    with pytest.raises(InvalidTaskError, match=r"tasks\[0\] \(a\).params.ratio: nan is not a number"):
        load_task_file(path)


def test_error_about_thousands_of_bad_tasks_is_short_and_immediate() -> None:
    started = time.process_time()
    with pytest.raises(InvalidTaskError) as caught:
        parse_tasks([{}] * 10_000 + [_task(f"t{number}") for number in range(1_000)])
    assert time.process_time() - started < 10
    assert str(caught.value).endswith("\u2026 and 29,500 more")
    assert "t49 and 950 more)" in str(caught.value)


def test_tasks_are_written_sorted_and_read_back_equal(path: Path) -> None:
    tasks = parse_tasks(
        [_task("b", name="Gr\u00fc\u00dfe \U0001f600"), _task("a", params={"n": [1, None, 0.5]})]
    )
    write_task_file(path, tasks)
    assert load_task_file(path) == [tasks[1], tasks[0]]
    assert list(json.loads(path.read_text())) == ["tasks"]
    assert path.read_text().endswith("  ]\n}\n")


def test_written_file_is_readable_by_its_owner_only(path: Path) -> None:
    path.write_text("[]")
    path.chmod(0o644)
    write_task_file(path, [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_missing_directories_are_created(tmp_path: Path) -> None:
    path = tmp_path / "data" / "tasks" / "scheduled_tasks.json"
    write_task_file(path, [parse_task(_task("a"))])
    assert [task.id for task in load_task_file(path)] == ["a"]


def test_symbolic_link_still_leads_to_the_new_content(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "real.json")
    write_task_file(path, [])
    assert path.is_symlink()
    assert load_task_file(tmp_path / "real.json") == []


def test_link_that_another_user_could_change_is_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "hop").symlink_to(tmp_path / "real.json")
    path.symlink_to(tmp_path / "shared" / "hop")
    give_away(tmp_path / "shared")
    with pytest.raises(TaskFileError, match=TROUBLE):
        write_task_file(path, [])
    assert not (tmp_path / "real.json").exists()


def test_file_that_another_user_could_change_is_not_applied(path: Path) -> None:
    path.write_text("[]")
    assert load_task_file(path) == []
    give_away(path)
    with pytest.raises(UnsafePathError, match=TROUBLE):
        load_task_file(path)


def test_file_that_is_gone_before_it_is_judged_or_planted_afterwards_is_not_applied(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plant(_path: Path) -> None:
        path.write_text("[]")
        give_away(path)

    monkeypatch.setattr("mission_control.files.outside_file.require_safe", plant)
    path.touch()
    with pytest.raises(UnsafePathError, match=TROUBLE):
        load_task_file(path)


def test_link_that_another_user_could_put_in_its_place_is_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    path.symlink_to(tmp_path / "precious")
    path.parent.chmod(0o1777)
    with pytest.raises(TaskFileError, match="may be written by every user"):
        write_task_file(path, [])
    assert (tmp_path / "precious").read_text() == "kept"


def test_failed_write_leaves_the_old_file_and_no_temporary_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("before")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mission_control.safe_paths.own_files.os.fsync", full)
    with pytest.raises(TaskFileError, match=r"No space left on device.*is unchanged"):
        write_task_file(path, [parse_task(_task("a"))])
    assert path.read_text() == "before"
    assert list(path.parent.iterdir()) == [path]


def test_directory_in_place_of_the_target_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="cannot be written"):
        write_task_file(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


LIMIT = {"name": "gpu", "concurrency": 1}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"tasks": [_task("a"), _task("b")], "limits": [LIMIT]}),
        json.dumps({"limits": [LIMIT], "tasks": [_task("a"), _task("b")]}, indent=4),
        json.dumps({"limits": [LIMIT], "budgets": [], "tasks": [_task("a", params={"x": NAN}), _task("b")]}),
        json.dumps({"limits": [LIMIT], "tasks": [_task("a", tags=[], params={"tasks": []}), _task("b")]}),
    ],
    ids=["limits last", "indented", "not a number", "tasks inside"],
)
def test_tasks_of_a_json_file_are_found_wherever_they_are(path: Path, text: str) -> None:
    path.write_text(text)
    found = read_task_file(path)
    assert [[one["id"] for one in found.tasks] for _ in range(2)] == [["a", "b"]] * 2
    assert found.resources == {"limits": [LIMIT], "budgets": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"tasks": [], "tasks": []}', "an object has the key 'tasks' twice; keep one of them"),
        ('{"limits": [[]], "tasks": [[]], "tasks": 1}', "an object has the key 'tasks' twice"),
        ('[{"id": "a"},\n {"id": "b", "id": "c"}]', "an object has the key 'id' twice"),
        ('[{"id": "a"},\n {"id": "\\x"}]', r"is not valid JSON: line 2, column 10: Invalid \\escape"),
        (f'[{{"id": "a"}}, {{"n": {"7" * 200}}}]', "an integer has 200 digits; write it as text"),
        ('{"tasks": [{"id": "a"}]} {}', "is not valid JSON: line 1, column 26: Extra data"),
    ],
    ids=["twice", "twice, of other types", "a key twice", "an escape", "a long integer", "more data"],
)
def test_fault_in_one_of_many_tasks_is_named_with_its_place(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(TaskFileError, match=message):
        load_task_file(path)
