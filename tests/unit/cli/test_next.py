from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import time_machine

from tests.stage.command_line import mc

BERLIN = {"type": "daily", "time": "09:00", "timezone": "Europe/Berlin"}


@pytest.fixture(autouse=True)
def _bare(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("COLUMNS", "100")


def next_times(schedule: object, *args: str) -> list[dict[str, str]]:
    answer = mc("next", "--schedule", json.dumps(schedule), "--json", *args)
    assert answer.code == 0, answer.err
    found: list[dict[str, str]] = answer.json
    return found


def test_due_times_across_a_clock_change_keep_local_time_in_json() -> None:
    assert next_times(BERLIN, "--from", "2025-10-25T00:00:00Z", "-n", "2") == [
        {"scheduled_time": "2025-10-25T07:00:00Z", "local": "2025-10-25T09:00:00+02:00"},
        {"scheduled_time": "2025-10-26T08:00:00Z", "local": "2025-10-26T09:00:00+01:00"},
    ]


def test_moment_without_offset_is_in_the_users_own_zone(bare_environment: pytest.MonkeyPatch) -> None:
    (first,) = next_times(BERLIN, "--from", "2025-07-01T06:59", "-n", "1")
    assert first["scheduled_time"] == "2025-07-01T07:00:00Z"
    bare_environment.setenv("MISSION_CONTROL_TIMEZONE", "Asia/Tokyo")
    (first,) = next_times(BERLIN, "--from", "2025-07-01T15:59", "-n", "1")
    assert first["scheduled_time"] == "2025-07-01T07:00:00Z"


def test_due_time_equal_to_from_is_left_out() -> None:
    (first,) = next_times(BERLIN, "--from", "2025-07-01T07:00", "-n", "1")
    assert first["local"] == "2025-07-02T09:00:00+02:00"


def test_between_gives_all_due_times_up_to_the_second_moment() -> None:
    found = next_times(
        {"type": "interval", "hours": 1}, "--between", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    )
    assert len(found) == 24
    assert found[-1]["scheduled_time"] == "2026-01-02T00:00:00Z"


def test_ended_schedule_has_no_due_times() -> None:
    assert next_times({"type": "once", "at": "2020-01-01T00:00:00Z"}) == []
    answer = mc("next", "--schedule", '{"type": "once", "at": "2020-01-01T00:00:00Z"}')
    assert (answer.code, answer.out) == (0, "")
    assert "no such time" in answer.err


def test_next_as_text_shows_rule_own_time_weekday_and_distance(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("MISSION_CONTROL_TIMEZONE", "Europe/Berlin")
    with time_machine.travel(datetime(2026, 3, 1, 6, 30, tzinfo=UTC), tick=False):
        answer = mc("next", "--schedule", json.dumps(BERLIN), "-n", "1")
    assert answer.err == "every day at 09:00 (Europe/Berlin)\n"
    assert answer.out.split("\n")[0].strip() == "Europe/Berlin"
    assert answer.out.split("\n")[1].split("  ") == ["2026-03-01 09:00:00", "Sunday", "in 1 h 30 min"]


@pytest.mark.parametrize(
    ("args", "reported"),
    [
        (["--tz", "UTC"], "--tz is that of --schedule"),
        (["x", "--schedule", "{}"], "give either a task's id or --schedule"),
        (["x", "--tz", "UTC"], "--tz is that of --schedule"),
        (["--schedule", "every day"], 'write "daily 09:00", "every 5m"'),
        (["--schedule", "[1]"], "is not a JSON object"),
        (["--schedule", '{"type": "daily", "time": "25:00"}'], "schedule.time: '25:00'"),
        (["--schedule", '{"type": "wekly"}'], 'did you mean "weekly"?'),
        (["--schedule", '{"type": "cron", "expression": "0 0 31 2 *"}'], "schedule.expression"),
        (["--schedule", '{"type": "interval", "minutes": 0}'], "schedule"),
        (["--schedule", '{"type": "cron", "expression": "' + "*" * 100_000 + '"}'], "schedule.expression"),
        (["--schedule", '{"type": "daily", "time": "09:00"}', "--from", "30 February"], "is not a moment"),
        (["--schedule", '{"type": "daily", "time": "09:00"}', "--from", "2026-02-30T00:00:00Z"], "exists"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_bad_question_gets_its_problem_and_exit_code_2(args: list[str], reported: str) -> None:
    answer = mc("next", *args)
    assert (answer.code, answer.out) == (2, "")
    assert reported in answer.err
    assert len(answer.err) < 2_000
