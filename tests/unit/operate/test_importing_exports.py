"""What APScheduler 3.11 and django-celery-beat 2.9 export by themselves becomes tasks; no pickle is loaded.

The samples were written by the packages: by `scheduler.export_jobs` and by `manage.py dumpdata`.
"""

from __future__ import annotations

import json
import pickle
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from mission_control.errors import TaskFileError
from mission_control.operate.importing.apscheduler_export import exported_entries
from mission_control.operate.importing.apscheduler_source import apscheduler_entries
from mission_control.operate.importing.django_dump import dumped_entries
from mission_control.operate.importing.imported import Imported, UnmappableError, imported
from mission_control.operate.importing.pickled_values import pickled_value
from tests.house.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mission_control.operate.importing.imported import Entry

NOW = datetime(2026, 3, 1, tzinfo=UTC)
EXPORT = (ROOT / "tests/samples/apscheduler_3_11.json").read_text()
DUMP = (ROOT / "tests/samples/django_celery_beat_2_9.json").read_text()


def mapped(entries: Iterable[Entry]) -> Imported:
    return imported(entries, {"*": "handlers.hello.run"}, timezone="UTC", now=NOW)


def schedules(found: Imported) -> dict[str, Any]:
    return {one["id"]: one["schedule"] for one in found.tasks}


def test_exported_jobs_of_apscheduler_become_tasks() -> None:
    found = mapped(exported_entries(EXPORT, "jobs.json"))
    berlin = {"timezone": "Europe/Berlin"}
    start = "2026-01-01T00:00:00+01:00"
    assert schedules(found) == {
        "office": {"type": "cron", "expression": "0 9-17/2 * * mon-fri", **berlin},
        "often": {"type": "interval", "seconds": 300, "anchor": start, "start": start, **berlin},
        "once2": {"type": "once", "at": "2027-01-01T09:00:00+01:00", "timezone": "UTC"},
        "once3": {"type": "once", "at": "2027-01-01T09:00:00+02:00", "timezone": "UTC"},
        "or": {
            "type": "any",
            "timezone": "UTC",
            "schedules": [
                {"type": "cron", "expression": "0 2 * * *", "timezone": "UTC"},
                {"type": "cron", "expression": "0 15 L * *", "timezone": "UTC"},
            ],
        },
        "tab": {"type": "cron", "expression": "0 3 * * sun", "timezone": "UTC"},
    }
    tasks = {one["id"]: one for one in found.tasks}
    assert (tasks["office"]["params"], tasks["office"]["misfire"]["grace_seconds"]) == ({"a": 1}, 60)
    assert (tasks["office"]["overlap"], tasks["often"]["overlap"]) == ("skip", "allow")
    assert [one.partition(": ")[2] for one in found.unmapped] == [
        "'cal': its trigger is calendarinterval",
        "'jit': has jitter, which no field stands for",
        "'once': has positional args, [1]; a handler has named params: use kwargs",
    ]


def test_paused_job_is_a_disabled_task() -> None:
    jobs = json.loads(EXPORT)
    jobs["jobs"] = [{**one, "next_run_time": None} for one in jobs["jobs"] if one["id"] == "office"]
    (task,) = mapped(exported_entries(json.dumps(jobs), "jobs.json")).tasks
    assert task["enabled"] is False


def test_schedules_of_apscheduler_4_are_read_from_the_source() -> None:
    source = """
async def main():
    async with AsyncScheduler() as scheduler:
        await scheduler.add_schedule(tick, IntervalTrigger(minutes=5, start_time="2026-01-01T00:00Z"),
            id="tick")
        await scheduler.add_schedule("app:tock", CronTrigger(hour=3, timezone="Europe/Berlin"), id="tock",
            paused=True, kwargs={"a": 1}, misfire_grace_time=timedelta(minutes=1))
        await scheduler.add_schedule(once, trigger=DateTrigger("2027-01-01T09:00:00Z"))
        await scheduler.add_schedule(often, CronTrigger(minute=1), max_jitter=10)
        await scheduler.add_schedule(rarely, IntervalTrigger(2))
        basket.add_schedule("x")
"""
    found = mapped(apscheduler_entries(source, "app.py"))
    assert [(one["id"], one["schedule"].get("expression"), one.get("enabled")) for one in found.tasks] == [
        ("tick", None, None), ("tock", "0 3 * * *", False), ("once", None, None),
    ]  # fmt: skip
    assert found.tasks[0]["schedule"]["start"] == "2026-01-01T00:00Z"
    assert found.tasks[1]["misfire"]["grace_seconds"] == 60
    assert found.tasks[2]["schedule"]["at"] == "2027-01-01T09:00:00Z"
    assert [one.partition(": has ")[2] or one for one in found.unmapped] == [
        "max_jitter, which no field stands for",
        "line 10: 'rarely': its IntervalTrigger has positional args, [2]; name them",
    ]


def test_fixture_of_django_celery_beat_becomes_tasks() -> None:
    found = mapped(dumped_entries(DUMP, "dump.json"))
    ten = {"type": "interval", "seconds": 600, "timezone": "UTC"}
    assert schedules(found) == {
        "office": {"type": "cron", "expression": "0 9 * * mon-fri", "timezone": "Europe/Berlin"},
        "often": ten,
        "once": {"type": "once", "at": "2027-01-01T09:00:00Z", "timezone": "UTC"},
        "sun": {
            "type": "solar",
            "event": "sunrise",
            "timezone": "UTC",
            "latitude": 52.52,
            "longitude": 13.405,
        },
        "dated": {**ten, "end": "2027-02-01T00:00:00Z"},
        "starts": {**ten, "start": "2027-02-01T00:00:00Z"},
    }
    tasks = {one["id"]: one for one in found.tasks}
    assert {"queue": "mail", "priority": 3, "params": {"a": 1}}.items() <= tasks["office"].items()
    assert (tasks["often"]["expires_seconds"], tasks["sun"]["enabled"]) == (30, False)
    assert [one.partition(": ")[2].partition(",")[0] for one in found.unmapped] == [
        "'args': has positional args",
        "'first': runs at the first time of its crontab only; write a once schedule",
    ]


def changed(pk: int, **fields: object) -> str:
    objects = json.loads(DUMP)
    for one in objects:
        if (one["model"], one["pk"]) == ("django_celery_beat.periodictask", pk):
            one["fields"] |= fields
    return json.dumps(objects)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"crontab": 99}, "its crontabschedule 99 is not in the file"),
        ({"crontab": None}, "has no schedule"),
        ({"exchange": "x"}, "has the options exchange"),
        ({"headers": '{"h": 1}'}, "has the options h"),
        ({"kwargs": "{"}, "is damaged"),
        ({"task": None}, "names no task"),
    ],
)
def test_entry_of_a_fixture_that_has_no_equal_is_named(fields: dict[str, object], why: str) -> None:
    (first, *_) = mapped(dumped_entries(changed(1, **fields), "dump.json")).unmapped
    assert f"'office': {why}" in first


@pytest.mark.parametrize(
    "text", ["", "[", "{}", "[7]", '[{"model": 1, "pk": 1, "fields": {}}]', "[" * 100_000]
)
def test_what_is_no_export_is_refused_whole(text: str) -> None:
    for read in (dumped_entries, exported_entries):
        with pytest.raises(TaskFileError, match=r"x\.json: is no "):
            list(read(text, "x.json"))


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 10, 25, 2, 30, 5, 123_456, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-3))),
        timedelta(days=-1, seconds=70_000, microseconds=3),
        [1, 2.5, -70_000, 2**40, None, True, False, "ä" * 300, {"a": [1], "b": b"x"}],
    ],
)
def test_pickled_value_is_read_as_it_was(value: Any, protocol: int) -> None:
    found = pickled_value(pickle.dumps(value, protocol))
    assert found == value
    assert not isinstance(value, datetime) or (found.tzinfo, found.fold) == (value.tzinfo, value.fold)


class Evil:
    """What runs code as it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (eval, ("1 / 0",))


def test_hostile_pickle_calls_nothing_and_damaged_ones_are_refused() -> None:
    content = pickle.dumps(Evil())
    assert (pickled_value(content).name, pickled_value(content).args) == ("eval", ["1 / 0"])
    for damaged in (b"", b"\x80\x05", content[:-5], b"\x80\x05\x8c\x01x\x93.", b"cos\nsystem\n."):
        with pytest.raises(UnmappableError):
            pickled_value(damaged)
    job = json.loads(EXPORT)["jobs"][0]
    job["trigger"]["__apscheduler_state__"]["timezone"] = {
        "__apscheduler_pickle__": b64encode(content).decode()
    }
    found = mapped(exported_entries(json.dumps({"jobs": [job, {"id": "bare"}, {}]}), "jobs.json"))
    assert (found.tasks, len(found.unmapped)) == ([], 3)
