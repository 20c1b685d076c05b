"""Arguments of the public functions: Python's own types are understood, anything odd has one clear answer."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

import mission_control
from mission_control.errors import InvalidTaskError
from mission_control.operate.apply import apply_task_file
from tests.stage.command_line import mc
from tests.stage.live_installation import YEARLY

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation

ODD = [None, 5, 1.5, b"a", "", " ", "a b", "a\0b", "a" * 10_000, ["a"], {"a": 1}, print, "größe", "\ud800"]
HELLO = "handlers.hello.run"


def a_task(task_id: str = "a", **changes: Any) -> dict[str, Any]:
    return {"id": task_id, "schedule": YEARLY, "handler": HELLO, **changes}


@pytest.mark.parametrize("task_id", ODD, ids=lambda one: repr(one)[:20])
def test_odd_id_is_the_id_of_no_task(installation: Installation, task_id: Any) -> None:
    assert installation.registry.register(a_task())
    assert mission_control.get_task(task_id) is None
    for change in (
        mission_control.enable_task,
        mission_control.disable_task,
        mission_control.unregister_task,
    ):
        assert change(task_id) is False
    assert mission_control.update_task(task_id, {"priority": 1}) is False


@pytest.mark.parametrize("given", [None, 5, "priority", ["priority"], print], ids=repr)
def test_definition_and_update_that_are_no_objects_are_refused(
    installation: Installation, given: Any
) -> None:
    assert installation.registry.register(a_task())
    with pytest.raises(InvalidTaskError, match="is not an object with the fields"):
        mission_control.register_task(given)
    with pytest.raises(InvalidTaskError, match="is not an object with the fields"):
        mission_control.update_task("a", given)


def test_types_of_python_mean_what_their_json_means(installation: Installation) -> None:
    assert installation is not None
    moment = datetime(2030, 3, 1, 9, tzinfo=timezone(timedelta(hours=2)))
    schedule = {
        "type": "daily",
        "times": (time(9), time(17, 30)),
        "timezone": ZoneInfo("Europe/Berlin"),
        "start": date(2026, 1, 1),
        "end": moment,
        "exclude": (date(2026, 12, 25), {"from": date(2026, 8, 1), "to": date(2026, 8, 15)}),
        "spread_seconds": timedelta(minutes=1),
    }
    task = a_task(schedule=schedule, tags=("x",), timeout_seconds=timedelta(minutes=5), params={"at": (1, 2)})
    assert mission_control.register_task(MappingProxyType(task))
    stored = mission_control.get_task("a")
    assert stored is not None
    assert stored["schedule"] == {
        "type": "daily",
        "times": ["09:00:00", "17:30:00"],
        "timezone": "Europe/Berlin",
        "start": "2026-01-01",
        "end": "2030-03-01T09:00:00+02:00",
        "exclude": ["2026-12-25", {"from": "2026-08-01", "to": "2026-08-15"}],
        "spread_seconds": 60,
    }
    assert (stored["tags"], stored["timeout_seconds"], stored["params"]) == (["x"], 300, {"at": [1, 2]})
    updates = {"schedule": {"type": "once", "at": datetime(2031, 1, 1, tzinfo=UTC)}}
    assert mission_control.update_task("a", {**updates, "retry_policy": MappingProxyType({"jitter": True})})
    assert mission_control.update_task("a", {"retry_policy": MappingProxyType({"max_retries": 1})})
    stored = mission_control.get_task("a")
    assert stored is not None
    assert stored["schedule"] == {"type": "once", "at": "2031-01-01T00:00:00+00:00", "timezone": "UTC"}
    assert (stored["retry_policy"]["jitter"], stored["retry_policy"]["max_retries"]) == (True, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"timeout_seconds": "5"}, "timeout_seconds: '5' is no duration, because it has no unit"),
        ({"schedule": {"type": "interval", "minutes": timedelta(hours=1)}}, "schedule.minutes: "),
        ({"schedule": {"type": "daily", "time": time(9, tzinfo=UTC)}}, "is not a time of day"),
        ({"schedule": {"type": "daily", "time": datetime(2026, 1, 1, tzinfo=UTC)}}, "is not a time of day"),
        ({"params": {"at": datetime(2026, 1, 1, tzinfo=UTC)}}, "params.at: a datetime is not JSON"),
    ],
    ids=["text", "timedelta as minutes", "time with a zone", "moment as a time", "moment in params"],
)
def test_type_that_is_ambiguous_is_refused(
    installation: Installation, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidTaskError) as refused:
        installation.registry.register(a_task(**changes))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": 1},
        {"priority": "3"},
        {"enabled": 1},
        {"params": {"n": float("nan")}},
        {"params": {"n": 2**70}},
        {"schedule": {"type": "cron", "expression": "61 * * * *"}},
        {"schedule": {"type": "daily", "time": "09:00", "timezone": "GMT+2"}},
        {"schedule": {"type": "once", "at": "9999-12-31T23:00", "timezone": "America/New_York"}},
        {"schedule": {"type": "once", "at": "2020-01-01T09:00:00Z"}},
        {"schedule": {"type": "daily", "time": "09:00", "exclude": [{"ics": "/nowhere.ics"}]}},
    ],
    ids=lambda one: str(one)[:40],
)
def test_every_entrance_is_equally_strict(
    installation: Installation, tmp_path: Path, changes: dict[str, Any]
) -> None:
    task, file = a_task(**changes), tmp_path / "tasks.json"
    with pytest.raises(InvalidTaskError) as refused:
        mission_control.register_task(task)
    (problem,) = refused.value.problems
    file.write_text(json.dumps([task]))
    with pytest.raises(InvalidTaskError) as refused:
        apply_task_file(installation.registry, file, installation.resources)
    assert refused.value.problems == (problem.under("tasks[0] (a)"),)
    answer = mc("task", "add", "--file", "-", stdin=json.dumps(task))
    assert (answer.code, str(problem) in answer.err) == (2, True)
    assert installation.registry.register(a_task())
    with pytest.raises(InvalidTaskError) as refused:
        mission_control.update_task("a", changes)
    assert refused.value.problems == (problem,)


@pytest.mark.parametrize(
    "command",
    [
        ["next", "--schedule"],
        ["task", "add", "--id", "b", "--handler", HELLO, "--schedule"],
        ["task", "add", "--id", "b", "--handler", HELLO, "--params"],
        ["task", "update", "a", "--params"],
        ["task", "update", "a", "--set"],
        ["enqueue", HELLO, "--params"],
    ],
    ids=" ".join,
)
def test_key_that_stands_twice_is_refused_on_the_command_line(
    installation: Installation, command: list[str]
) -> None:
    assert installation.registry.register(a_task())
    twice = '{"type": "daily", "time": "09:00", "time": "10:00"}'
    answer = mc(*command, f"schedule={twice}" if command[-1] == "--set" else twice)
    assert answer.code == 2
    assert "has the key 'time' twice; keep one of them" in " ".join(answer.err.split())
