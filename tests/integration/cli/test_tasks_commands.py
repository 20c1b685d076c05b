from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from tests.stage.command_line import mc

if TYPE_CHECKING:
    from pathlib import Path

DAILY = {"schedule": {"type": "daily", "time": "09:00"}, "handler": "handlers.hello.run"}

pytestmark = pytest.mark.usefixtures("installation")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tasks.json"


def write(file: Path, *tasks: dict[str, Any]) -> str:
    file.write_text(json.dumps({"tasks": tasks}))
    return str(file)


def registered() -> list[str]:
    return [one["id"] for one in mc("task", "list", "--all", "--json").json]


def test_applied_file_creates_updates_and_leaves_unchanged_tasks(file: Path) -> None:
    assert mc("tasks", "apply", write(file, {"id": "a", **DAILY}, {"id": "b", **DAILY}), "--json").json == {
        "created": ["a", "b"],
        "updated": [],
        "unchanged": [],
    }
    answer = mc("tasks", "apply", write(file, {"id": "a", **DAILY}, {"id": "b", **DAILY, "priority": 3}))
    assert answer.out == "~ b\n= a\n"
    assert "1 updated, 1 unchanged" in answer.err


def test_apply_in_a_dry_run_changes_nothing(file: Path) -> None:
    answer = mc("tasks", "apply", write(file, {"id": "a", **DAILY}), "--dry-run")
    assert (answer.code, answer.out) == (0, "+ a\n")
    assert "dry run" in answer.err
    assert registered() == []


def test_diff_shows_each_field_before_and_after_without_secrets(file: Path) -> None:
    mc("tasks", "apply", write(file, {"id": "a", **DAILY, "params": {"token": "old"}}, {"id": "b", **DAILY}))
    given = {"id": "a", **DAILY, "priority": 3, "params": {"token": "new"}}
    args = write(file, given, {"id": "b", **DAILY}, {"id": "c", **DAILY})
    changed = ["~ a", "    params.token: *** → ***", "    priority: 0 → 3"]
    answer = mc("task", "diff", args)
    assert (answer.code, sorted(answer.out.splitlines())) == (0, sorted(["+ c", *changed]))
    assert answer.err == f"{file}: 1 created, 1 updated, 1 unchanged\n"
    assert set(changed) <= set(mc("task", "apply", args, "--dry-run").out.splitlines())
    found = mc("task", "diff", args, "--json").json
    assert (found["created"], found["unchanged"]) == (["c"], ["b"])
    assert found["updated"]["a"]["priority"] == {"from": 0, "to": 3}
    assert registered() == ["a", "b"]


def test_file_with_one_bad_task_applies_none(file: Path) -> None:
    bad = {"id": "bad", "schedule": {"type": "daily", "time": "25:00"}, "handler": "handlers.helo.run"}
    answer = mc("tasks", "apply", write(file, {"id": "good_1", **DAILY}, bad, {"id": "good_2", **DAILY}))
    assert (answer.code, answer.out) == (2, "")
    assert str(file) in answer.err
    assert "valid: good_1, good_2" in answer.err
    assert "tasks[1] (bad).schedule.time: '25:00'" in answer.err
    assert 'did you mean "handlers.hello.run"' in answer.err
    assert registered() == []


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        (b'{"tasks": [{"id": "a", ', "line 1, column"),
        (b'{"tasks": [{"id": "\xff"}]}', "not UTF-8"),
        (b"", "line 1, column 1"),
        (b'{"tasks": 5}', "or a list of tasks"),
        (b" " * (50 * 1024 * 1024), "too large"),
    ],
    ids=["truncated", "not UTF-8", "empty", "no list", "50 MB"],
)
def test_unreadable_file_is_reported_and_applies_nothing(file: Path, content: bytes, reported: str) -> None:
    file.write_bytes(content)
    answer = mc("tasks", "apply", str(file))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"error: {file}: ")
    assert reported in answer.err
    assert registered() == []


def test_missing_file_is_reported(tmp_path: Path) -> None:
    assert "does not exist" in mc("tasks", "apply", str(tmp_path / "nothing.json")).err
    answer = mc("tasks", "apply")
    assert answer.code == 2
    assert "scheduled_tasks.json" in answer.err


def test_exported_file_can_be_applied_and_is_private(file: Path) -> None:
    mc("tasks", "apply", write(file, {"id": "a", **DAILY}))
    out = file.with_name("export.json")
    assert mc("tasks", "export", str(out)).out == f"{out}\n"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert json.loads(out.read_text()) == mc("tasks", "export", "-").json
    assert mc("tasks", "apply", str(out), "--json").json["unchanged"] == ["a"]


def test_export_in_a_dry_run_writes_nothing(file: Path) -> None:
    assert mc("tasks", "export", str(file), "--dry-run").code == 0
    assert not file.exists()


def test_export_to_an_unwritable_place_is_reported(tmp_path: Path) -> None:
    assert mc("tasks", "export", str(tmp_path)).code == 2
    (tmp_path / "plain").write_text("")
    assert mc("tasks", "export", str(tmp_path / "plain" / "file.json")).code == 2


FILE = {
    "limits": [{"name": "slow", "concurrency": 2}, {"name": "other", "rate": "3/m"}],
    "budgets": [{"name": "team", "usd": "5/d"}],
    "tasks": [
        {"id": "tea", **DAILY, "limits": ["slow"], "params": {"yes": "no", "at": "09:00", "n": 1e300}},
        {
            "id": "v1.2",
            **DAILY,
            "budgets": ["team"],
            "description": "two\nlines \x1b[31m: #",
            "tags": ["0x1f"],
        },
        {"id": "off", **DAILY, "enabled": False, "after": [{"task": "tea"}], "notify": {"on": ["success"]}},
    ],
}


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_every_way_of_exporting_gives_tasks_that_applied_change_nothing(file: Path, ending: str) -> None:
    file.write_text(json.dumps(FILE))
    assert mc("task", "apply", str(file)).code == 0
    before = mc("task", "list", "--all", "--json").json
    out = file.with_name(f"out.{ending}")
    printed = mc("task", "export", "tea", "off", "--format", ending).out
    for ids, content in ((["off", "tea"], printed), (["off", "tea", "v1.2"], None), (["v1.2"], None)):
        if content is not None:
            out.write_text(content)
        else:
            assert mc("tasks", "export", *(ids if ids == ["v1.2"] else []), str(out)).out == f"{out}\n"
        done = mc("tasks", "apply", str(out), "--json").json
        assert (done["created"], done["updated"], sorted(done["unchanged"])) == ([], [], ids)
    assert mc("task", "list", "--all", "--json").json == before


def test_named_tasks_are_exported_with_their_limits_and_budgets_only(file: Path) -> None:
    file.write_text(json.dumps(FILE))
    mc("task", "apply", str(file))
    found = mc("task", "export", "tea").json
    assert [one["name"] for one in found["limits"]] == ["slow"]
    assert [one["id"] for one in found["tasks"]] == ["tea"]
    assert "budgets" not in found
    unknown = mc("task", "export", "tee")
    assert (unknown.code, unknown.out) == (3, "")
    assert 'did you mean "tea"' in unknown.err


def test_calendar_of_exported_tasks_is_that_of_next(file: Path) -> None:
    file.write_text(json.dumps(FILE))
    mc("task", "apply", str(file))

    def events(text: str) -> set[str]:
        return {line for line in text.splitlines() if line.startswith(("UID", "DTSTART"))}

    out = file.with_name("due.ics")
    assert mc("task", "export", "tea", str(out)).code == 0
    assert events(out.read_text()) == events(mc("next", "tea", "--ics").out) != set()
    assert events(mc("task", "export", "--format", "ics").out) == events(mc("next", "--ics").out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_calendar_of_some_days_has_all_their_due_times_and_is_bounded(file: Path) -> None:
    second = {**DAILY, "id": "second", "schedule": {"type": "interval", "seconds": 1}}
    mc("task", "apply", write(file, {"id": "daily", **DAILY}, second))
    for task_id, count in (("daily", 9), ("second", 1_000)):
        assert (
            mc("task", "export", task_id, "--format", "ics", "--days", "9").out.count("BEGIN:VEVENT") == count
        )
    assert "--days is for calendars" in mc("task", "export", "daily", "--days", "9").err


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["a.json", "b.yaml"], "a.json and b.yaml are both files"),
        (["--format", "yaml", "a.json"], "--format yaml does not go with a.json"),
        (["a.toml"], "write JSON or YAML"),
    ],
)
def test_export_that_cannot_be_meant_is_refused(arguments: list[str], reported: str) -> None:
    answer = mc("task", "export", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert reported in " ".join(answer.err.split())
