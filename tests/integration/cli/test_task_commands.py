from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.stage.command_line import Answer, mc

if TYPE_CHECKING:
    from pathlib import Path


DAILY = '{"type": "daily", "time": "09:00", "timezone": "Europe/Berlin"}'
HELLO = "handlers.hello.run"

pytestmark = pytest.mark.usefixtures("installation")


def add(task_id: str = "greet", *args: str, schedule: str = DAILY, handler: str = HELLO) -> Answer:
    return mc("task", "add", "--id", task_id, "--schedule", schedule, "--handler", handler, *args)


def tasks() -> dict[str, dict[str, object]]:
    return {one["id"]: one for one in mc("task", "list", "--all", "--json").json}


def test_added_task_is_registered_as_given() -> None:
    answer = add(
        "greet", "--params", '{"name": "Ada"}', "--retries", "0", "--retry-delay", "1.5", "--tag", "x"
    )
    assert (answer.code, answer.out) == (0, "greet\n")
    assert "every day at 09:00 (Europe/Berlin)" in answer.err
    shown = mc("task", "show", "greet", "--json").json
    assert shown["params"] == {"name": "Ada"}
    assert shown["retry_policy"]["max_retries"] == 0
    assert shown["retry_policy"]["retry_delay_seconds"] == 1.5
    assert shown["tags"] == ["x"]


def test_add_sets_any_field_as_update_does() -> None:
    assert add("tea", "--retries", "5", "--set", "retry_policy.jitter=true").code == 0
    policy = mc("task", "show", "tea", "--json").json["retry_policy"]
    assert {"jitter": True, "max_retries": 5}.items() <= policy.items()


def test_add_in_a_dry_run_shows_the_definition_and_adds_nothing() -> None:
    answer = add("greet", "--dry-run")
    assert (answer.code, answer.json["id"]) == (0, "greet")
    assert "dry run" in answer.err
    assert tasks() == {}


@pytest.mark.parametrize("extra", [[], ["--dry-run"]], ids=["for real", "dry run"])
def test_add_with_a_taken_id_is_refused_and_changes_nothing(extra: list[str]) -> None:
    add("greet")
    answer = add("greet", *extra, schedule='{"type": "interval", "minutes": 5}')
    assert answer.code == 4
    assert "'greet' is taken" in answer.err
    assert mc("task", "show", "greet", "--json").json["schedule"]["type"] == "daily"


def test_options_override_a_definition_from_a_file_or_stdin(tmp_path: Path) -> None:
    definition = {"id": "a", "schedule": json.loads(DAILY), "handler": HELLO, "params": {"n": 1}}
    (tmp_path / "task.json").write_text(json.dumps(definition))
    assert mc("task", "add", "--file", str(tmp_path / "task.json")).code == 0
    assert mc("task", "add", "--file", "-", "--id", "b", "--disabled", stdin=json.dumps(definition)).code == 0
    assert {task_id: one["enabled"] for task_id, one in tasks().items()} == {"a": True, "b": False}


@pytest.mark.parametrize(
    ("stdin", "reported"),
    [
        ("{", "is not valid JSON"),
        ("[]", "one task"),
        ('{"tasks": []}', "tasks apply"),
        (b"\xff\xfe", "not UTF-8"),
        ('{"id": "a", "id": "b"}', "twice"),
    ],
    ids=["truncated", "a list", "several tasks", "not UTF-8", "a key twice"],
)
def test_unreadable_definition_on_stdin_is_reported(stdin: str | bytes, reported: str) -> None:
    answer = mc("task", "add", "--file", "-", stdin=stdin)
    assert answer.code == 2
    assert reported in answer.err


@pytest.mark.parametrize(
    ("schedule", "handler", "task_id", "reported"),
    [
        ('{"type": "daily", "time": "09:00", "colour": 1}', HELLO, "a", "schedule.colour"),
        ('{"type": "daily", "time": 9}', HELLO, "a", "schedule.time"),
        ('{"type": "once", "at": "2026-02-30T09:00:00Z"}', HELLO, "a", "schedule.at"),
        ('{"type": "cron", "expression": "0 0 31 2 *"}', HELLO, "a", "schedule.expression"),
        (
            '{"type": "cron", "expression": "' + "1," * 50_000 + '1 * * * *"}',
            HELLO,
            "a",
            "schedule.expression",
        ),
        ('{"type": "interval", "minutes": 0}', HELLO, "a", "schedule"),
        ('{"type": "interval", "minutes": -5}', HELLO, "a", "schedule.minutes"),
        (
            '{"type": "daily", "time": "09:00", "timezone": "Europe/Berlinn"}',
            HELLO,
            "a",
            'did you mean "Europe/Berlin"',
        ),
        (DAILY, "handlers.os.system", "a", "handler: "),
        (DAILY, "handlers.../x", "a", "handler: "),
        (DAILY, "os.system", "a", "handler: "),
        (DAILY, "handlers.helo.run", "a", 'did you mean "handlers.hello.run"'),
        (DAILY, HELLO, "reports/daily", 'did you mean "reports_daily"'),
        (DAILY, HELLO, "two\nlines", "id: "),
    ],
    ids=lambda one: str(one)[:50],
)
def test_bad_definition_is_reported_with_its_place_and_adds_nothing(
    schedule: str, handler: str, task_id: str, reported: str
) -> None:
    answer = add(task_id, schedule=schedule, handler=handler)
    assert (answer.code, answer.out) == (2, "")
    assert reported in answer.err
    assert len(answer.err) < 2_000
    assert tasks() == {}


def test_negative_delay_is_reported() -> None:
    answer = add("a", "--retry-delay", "-1")
    assert answer.code == 2
    assert "--retry-delay" in answer.err


def test_handler_whose_module_does_not_import_fails_check(tmp_path: Path) -> None:
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "mine.py").write_text("import no_such_thing\ndef run(context): ...\n")
    answer = mc("handler", "check", "handlers.mine.run")
    assert answer.code == 1
    assert "No module named 'no_such_thing'" in answer.out


@pytest.mark.parametrize(
    "command",
    [
        ["show"],
        ["update", "--set", "priority=1"],
        ["enable"],
        ["disable"],
        ["run"],
        ["remove", "--yes"],
        ["history"],
        ["revisions"],
    ],
    ids=lambda one: one[0],
)
def test_unknown_task_id_names_the_nearest(command: list[str]) -> None:
    add("daily_greeting")
    verb, *rest = command
    answer = mc("task", verb, "dayly_greeting", *rest)
    assert (answer.code, answer.out) == (3, "")
    assert 'did you mean "daily_greeting"?' in answer.err


def test_update_changes_the_named_fields_and_shows_the_difference() -> None:
    add("greet")
    answer = mc("task", "update", "greet", "--set", 'schedule.time="10:30"', "--retries", "7", "--json")
    assert answer.json["schedule.time"] == {"from": "09:00", "to": "10:30"}
    shown = mc("task", "show", "greet", "--json").json
    assert shown["schedule"] == {"type": "daily", "time": "10:30", "timezone": "Europe/Berlin"}
    assert shown["retry_policy"]["max_retries"] == 7
    assert shown["retry_policy"]["retry_delay_seconds"] == 300


def test_update_in_a_dry_run_changes_nothing() -> None:
    add("greet")
    before = mc("task", "show", "greet", "--json").json
    answer = mc("task", "update", "greet", "--set", "priority=3", "--dry-run")
    assert "priority" in answer.out
    assert mc("task", "show", "greet", "--json").json == before


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ([], "nothing to change"),
        (["--set", "priority"], "is not key=JSON"),
        (["--set", "name=Morning"], """--set 'name="Morning"'"""),
        (["--set", "priority=77"], "priority"),
        (["--set", "colour=1"], "colour"),
        (["--set", 'id="other"'], "cannot be changed"),
        (["--set", "metadata.revision=9"], "metadata"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_bad_update_is_reported(settings: list[str], reported: str) -> None:
    add("greet")
    answer = mc("task", "update", "greet", *settings)
    assert answer.code == 2
    assert reported in answer.err


def test_task_changes_each_add_a_revision() -> None:
    add("greet")
    mc("task", "disable", "greet", "--reason", "holidays")
    mc("task", "enable", "greet")
    assert [one["metadata"]["revision"] for one in mc("task", "revisions", "greet", "--json").json] == [
        3,
        2,
        1,
    ]
    shown = mc("task", "revisions", "greet").out
    assert "(holidays)" in shown
    assert "enabled: true → false" in shown


def test_disabling_a_task_tells_how_many_waiting_runs_it_cancels() -> None:
    add("greet")
    for _ in range(2):
        mc("enqueue", "greet")
    assert (
        "would be disabled (dry run); would cancel 2 waiting runs"
        in mc("task", "disable", "greet", "--dry-run").err
    )
    assert "greet: disabled; cancelled 2 waiting runs" in mc("task", "disable", "greet").err
    assert mc("task", "disable", "greet").err.strip() == "greet: is already disabled"


def test_disabled_task_is_listed_only_with_all() -> None:
    add("greet", "--disabled")
    assert mc("task", "list", "--json").json == []
    assert list(tasks()) == ["greet"]
    assert "1 disabled" in mc("task", "list").err


def test_removal_without_a_terminal_needs_yes() -> None:
    add("greet")
    answer = mc("task", "remove", "greet")
    assert answer.code == 4
    assert "add --yes" in answer.err
    assert mc("task", "remove", "greet", "--yes", "--dry-run").code == 0
    assert list(tasks()) == ["greet"]
    assert mc("task", "remove", "greet", "--yes").code == 0
    assert tasks() == {}


def test_next_of_a_task_follows_its_schedule() -> None:
    add("greet")
    (first,) = mc("next", "greet", "--from", "2026-01-01T00:00:00Z", "-n", "1", "--json").json
    assert first == {"scheduled_time": "2026-01-01T08:00:00Z", "local": "2026-01-01T09:00:00+01:00"}
