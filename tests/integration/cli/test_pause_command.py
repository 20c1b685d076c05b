"""`pause` and `resume`, typed."""

from __future__ import annotations

import pytest

from tests.stage.command_line import mc

pytestmark = pytest.mark.usefixtures("installation")

HOURLY = '{"type": "interval", "hours": 1}'


def add(task_id: str, *args: str) -> None:
    answer = mc(
        "task", "add", "--id", task_id, "--schedule", HOURLY, "--handler", "handlers.hello.run", *args
    )
    assert answer.code == 0, answer.err


def test_pause_is_shown_wherever_its_task_is() -> None:
    add("tea")
    add("cake")
    answer = mc("pause", "tea", "--reason", "no\x1b[2J water", "--until", "2099-01-01T00:00:00Z")
    assert answer.code == 0, answer.err
    assert "1 task" in answer.err
    for args in (("pause", "--list"), ("status",), ("task", "show", "tea")):
        shown = mc(*args).out
        assert "task:tea" in shown
        assert "water" in shown
        assert "\x1b" not in shown
    assert "paused (task:tea)" in mc("next", "tea").out
    listed = mc("task", "list").out.splitlines()
    assert [("paused" in line, "resumes in" in line) for line in listed if "every hour" in line] == [
        (False, False),
        (True, True),
    ]
    assert mc("next", "tea", "--json").json[0]["paused"] == "task:tea"
    assert "paused" not in mc("next", "tea", "--from", "2099-01-01T00:00:00Z").out
    assert "paused" not in mc("task", "show", "cake").out
    assert [one["layer"] for one in mc("status", "--json").json["pauses"]] == ["task:tea"]

    resumed = mc("resume", "tea")
    assert resumed.code == 0
    assert "tea" in resumed.out
    assert "resumed what was paused (task:tea)" in resumed.err
    assert mc("pause", "--list").err == "nothing is paused\n"
    assert mc("pause", "--list", "--json").json == []


def test_reason_of_a_pause_is_kept_short_and_without_secrets() -> None:
    add("tea")
    assert mc("pause", "tea", "--reason", "token=abcdef1234567890 " + "x" * 10_000).code == 0
    (layer,) = mc("pause", "--list", "--json").json
    assert layer["reason"].startswith("token=*** xxx")
    assert len(layer["reason"]) < 1_000


@pytest.mark.parametrize(
    ("args", "code", "reported"),
    [
        (["pause"], 2, "Name tasks, or give --all"),
        (["pause", "--list", "tea"], 2, "--list alone"),
        (["pause", "tae"], 3, "no task has the id 'tae'; did you mean \"tea\"?"),
        (["pause", "tea", "--tag", "nightli"], 3, "no task has the tag 'nightli'; did you mean \"nightly\"?"),
        (["pause", "tea", "--owner", "eve"], 3, "no task has the owner 'eve'"),
        (["pause", "tea", "--until", "2020-01-01T00:00:00Z"], 2, "is not in the future"),
        (["pause", "tea", "--until", "soon"], 2, "is not a moment"),
        (["pause", "tea", "--until", "2036-10-26T02:30"], 2, "exists twice; write 2036-10-26T02:30:00+02:00"),
        (["pause", "tea", "--until", "2036-03-30T02:30"], 2, "does not exist: clocks go forward over it"),
        (["resume"], 2, "Name tasks, or give --all"),
        (["resume", "nosuch"], 3, "no task has the id 'nosuch'"),
        (["resume", "tea", "--tag", "nightli"], 3, "no task has the tag 'nightli'; did you mean"),
        (["resume", "tea"], 3, "no pause 'task:tea' is in force; nothing is paused"),
    ],
)
def test_bad_input_pauses_nothing(
    bare_environment: pytest.MonkeyPatch, args: list[str], code: int, reported: str
) -> None:
    bare_environment.setenv("MISSION_CONTROL_TIMEZONE", "Europe/Berlin")
    add("tea", "--tag", "nightly")
    answer = mc(*args)
    assert answer.code == code
    assert reported in answer.err
    assert mc("pause", "--list", "--json").json == []


def test_resume_names_the_pauses_that_stay_in_force() -> None:
    add("tea")
    mc("pause", "tea", "--queue", "default")
    wrong = mc("resume", "--all")
    assert wrong.code == 3
    assert "no pause 'all' is in force; in force: queue:default, task:tea" in wrong.err
    (task,) = mc("resume", "tea", "--json").json["tasks"]
    assert task["paused_by"] == ["queue:default"]


def test_dry_run_changes_nothing() -> None:
    add("tea")
    assert "would be paused (all)" in mc("pause", "--all", "--dry-run").err
    assert mc("pause", "--list", "--json").json == []
    mc("pause", "--all")
    assert "would resume what was paused (all)" in mc("resume", "--all", "--dry-run").err
    assert len(mc("pause", "--list", "--json").json) == 1
