"""Schedules, delays, moments and params in words, at every entrance of the command line and of Python."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from mission_control import enqueue, get_task, register_task, update_task
from mission_control.errors import InvalidTaskError
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("installation")

HELLO = "handlers.hello.run"
NOW = datetime(2026, 3, 4, 11, 30, tzinfo=UTC)  # a Wednesday, 12:30 in Berlin


@pytest.fixture(autouse=True)
def _in_berlin(bare_environment: pytest.MonkeyPatch) -> Iterator[None]:
    bare_environment.setenv("COLUMNS", "160")
    with time_machine.travel(NOW, tick=True):  # it sets TZ, too
        bare_environment.setenv("TZ", "Europe/Berlin")
        yield


def schedule_of(task_id: str) -> dict[str, Any]:
    found: dict[str, Any] = mc("task", "show", task_id, "--json").json["schedule"]
    return found


@pytest.mark.parametrize(
    ("options", "full", "echo"),
    [
        (
            ["--daily", "09:00"],
            {"type": "daily", "time": "09:00", "timezone": "Europe/Berlin"},
            "every day at 09:00 (Europe/Berlin); next due 2026-03-05 09:00:00 Europe/Berlin (in 20 h",
        ),
        (
            ["--weekly", "mon,fri 16:00", "--tz", "Asia/Tokyo"],
            {"type": "weekly", "days": ["mon", "fri"], "time": "16:00", "timezone": "Asia/Tokyo"},
            "next due 2026-03-06 08:00:00 Europe/Berlin, 2026-03-06 16:00:00 Asia/Tokyo",
        ),
        (
            ["--every", "5m"],
            {"type": "interval", "minutes": 5, "timezone": "Europe/Berlin"},
            "every 5 minutes; next due 2026-03-04 12:35:00 Europe/Berlin",
        ),
        (
            ["--cron", "0 9 * * 1-5"],
            {"type": "cron", "expression": "0 9 * * 1-5", "timezone": "Europe/Berlin"},
            "next due 2026-03-05 09:00:00 Europe/Berlin",
        ),
        (
            ["--once", "tomorrow 09:00"],
            {"type": "once", "at": "2026-03-05T09:00:00", "timezone": "Europe/Berlin"},
            "once at 2026-03-05 09:00 (Europe/Berlin); next due 2026-03-05 09:00:00",
        ),
        (
            ["--schedule", "daily 09:00 UTC"],
            {"type": "daily", "time": "09:00", "timezone": "UTC"},
            "next due 2026-03-05 10:00:00 Europe/Berlin, 2026-03-05 09:00:00 UTC",
        ),
        (
            ["--schedule", '{"type": "daily", "time": "09:00"}'],
            {"type": "daily", "time": "09:00", "timezone": "Europe/Berlin"},
            "next due 2026-03-05 09:00:00 Europe/Berlin",
        ),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_added_schedule_is_stored_in_full_and_echoed_with_its_first_time(
    options: list[str], full: dict[str, Any], echo: str
) -> None:
    answer = mc("task", "add", "--id", "tea", "--handler", HELLO, *options)
    assert (answer.code, answer.out) == (0, "tea\n"), answer.err
    assert schedule_of("tea") == full
    assert echo in answer.err


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--daily", "25:00"], "'25:00' is not a time of day; write \"daily 09:00\""),
        (["--schedule", "täglich 9 Uhr"], '"daily 09:00"'),
        (["--every", "5 parsecs"], '"every 5m"'),
        (["--daily", "09:00", "--every", "5m"], "give one of --every, --daily"),
        (["--schedule", "daily 09:00 UTC", "--tz", "Asia/Tokyo"], "leave --tz out"),
        (["--daily", "09:00", "--tz", "Europe/Berln"], 'did you mean "Europe/Berlin"?'),
        (["--tz", "Asia/Tokyo"], "schedule"),
        (["--daily", "09:00", "-p", "a=1", "-p", "a=2"], "-p a is given twice"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_bad_words_are_refused_and_nothing_is_added(options: list[str], problem: str) -> None:
    answer = mc("task", "add", "--id", "tea", "--handler", HELLO, *options)
    assert (answer.code, answer.out) == (2, "")
    assert problem in answer.err
    assert get_task("tea") is None


def test_update_changes_schedule_zone_and_single_params() -> None:
    first = ["--daily", "09:00", "-p", "name=Ada", "-p", "count=3"]
    assert mc("task", "add", "--id", "tea", "--handler", HELLO, *first).code == 0
    answer = mc("task", "update", "tea", "--tz", "Asia/Tokyo", "-p", "name=Eve", "-p", "address.city=Ulm")
    assert (answer.code, "tea: every day at 09:00 (Asia/Tokyo); next due" in answer.err) == (0, True), (
        answer.err
    )
    task = mc("task", "show", "tea", "--json").json
    assert task["schedule"] == {"type": "daily", "time": "09:00", "timezone": "Asia/Tokyo"}
    assert task["params"] == {"name": "Eve", "count": 3, "address": {"city": "Ulm"}}
    mc("task", "update", "tea", "--every", "2h", "--retry-delay", "5m", "--set", 'schedule.end="2030-01-01"')
    task = mc("task", "show", "tea", "--json").json
    assert task["schedule"] == {
        "type": "interval",
        "hours": 2,
        "end": "2030-01-01",
        "timezone": "Europe/Berlin",
    }
    assert task["retry_policy"]["retry_delay_seconds"] == 300


def test_run_is_sent_for_a_moment_or_delay_in_words_with_params() -> None:
    answer = mc("enqueue", HELLO, "--at", "tomorrow 09:00", "-p", "name=Ada")
    run = mc("run", "show", answer.out.strip(), "--json").json
    assert run["scheduled_time"] == "2026-03-05T08:00:00Z"
    assert "due 2026-03-05 09:00:00 Europe/Berlin (in 20 h" in answer.err
    later = mc("enqueue", HELLO, "--delay", "1h30m")
    assert "due 2026-03-04 14:00:0" in later.err
    assert mc("enqueue", HELLO, "-p", "name=Ada", "-p", "n=2", "--dry-run").json["params"] == {
        "name": "Ada",
        "n": 2,
    }
    for words in (["--at", "monday 9"], ["--delay", "5 parsecs"], ["--at", "2026-03-29T02:30"]):
        refused = mc("enqueue", HELLO, *words)
        assert (refused.code, refused.out) == (2, ""), words


def test_pause_and_queries_take_moments_in_words() -> None:
    mc("task", "add", "--id", "tea", "--handler", HELLO, "--daily", "09:00")
    answer = mc("pause", "tea", "--until", "tomorrow 10:00")
    assert "until 2026-03-05 10:00:00 Europe/Berlin" in answer.err
    (pause,) = mc("pause", "--list", "--json").json
    assert pause["until"] == "2026-03-05T09:00:00Z"
    assert mc("audit", "query", "--since", "1h", "--json").json == []
    assert mc("audit", "query", "--since", "yesterday", "--json").code == 0
    (first, *_) = mc("next", "tea", "--from", "fri 09:00", "--json").json
    assert first["scheduled_time"] == "2026-03-07T08:00:00Z"


def test_next_shows_own_time_and_that_of_the_schedule() -> None:
    answer = mc("next", "--schedule", "weekly mon,fri 16:00", "--tz", "Asia/Tokyo", "-n", "1")
    assert answer.out.splitlines()[0].split() == ["Europe/Berlin", "Asia/Tokyo"]
    row = answer.out.splitlines()[1].split()
    assert row[:5] == ["2026-03-06", "08:00:00", "2026-03-06", "16:00:00", "Friday"]
    (alone,) = mc("next", "--schedule", "every 5m", "-n", "1").out.splitlines()[1:]
    assert alone.split()[:3] == ["2026-03-04", "12:35:00", "Wednesday"]


def test_file_in_words_is_applied_without_the_zone_of_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "tasks.yaml"
    file.write_text(
        f"- {{id: tea, handler: {HELLO}, schedule: weekly mon 09:00, timeout_seconds: 5m}}\n", "utf-8"
    )
    answer = mc("tasks", "apply", str(file))
    assert (answer.code, answer.out) == (0, "+ tea\n"), answer.err
    assert "tea: every Monday at 09:00 (UTC); next due 2026-03-09 10:00:00 Europe/Berlin" in answer.err
    assert mc("tasks", "apply", str(file)).out == "= tea\n"
    file.write_text(f"- {{id: tea, handler: {HELLO}, schedule: once tomorrow 09:00}}\n", "utf-8")
    assert "'tomorrow 09:00' is not a moment" in mc("tasks", "apply", str(file)).err


def test_python_takes_words() -> None:
    assert register_task({"id": "tea", "handler": HELLO, "schedule": "once tomorrow 09:00"})
    found = get_task("tea")
    assert found is not None
    assert found["schedule"] == {"type": "once", "at": "2026-03-05T09:00:00", "timezone": "UTC"}
    assert update_task("tea", {"schedule": "every 90s", "timeout_seconds": "5m"})
    found = get_task("tea")
    assert found is not None
    assert (found["schedule"]["seconds"], found["timeout_seconds"]) == (90, 300)
    for options, due in (({"delay": "5m"}, "11:35"), ({"at": "13:00"}, "13:00")):
        run = enqueue(HELLO, **options).record  # type: ignore[arg-type]
        assert run is not None
        assert f"{run.scheduled_time:%H:%M}" == due
    with pytest.raises(InvalidTaskError, match="schedule: 'alle 5 Minuten' is no schedule"):
        update_task("tea", {"schedule": "alle 5 Minuten"})
