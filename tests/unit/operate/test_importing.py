"""What other schedulers have becomes tasks, entry by entry, or is named with the reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.errors import TaskFileError
from mission_control.model.definitions.task import parse_task
from mission_control.operate.importing.apscheduler_source import apscheduler_entries
from mission_control.operate.importing.celery_beat import beat_schedule_entries, stored_entries
from mission_control.operate.importing.crontab_file import crontab_entries
from mission_control.operate.importing.imported import Entry, Imported, imported

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CRONTAB = """\
SHELL=/bin/bash
MAILTO=ops@example.com
# back up the house
# every night
0 3 * * *  /usr/local/bin/backup.sh --all

#30 4 * * * off
*/15 9-17 * * mon-fri cd /srv && ./sync -q
CRON_TZ=Europe/Berlin
@daily mail -s report boss%Hello,%100\\% done
@reboot /usr/bin/warm-up
0 3 31 2 * never
0 25 * * * late
nonsense
@monthly backup.sh
"""
CELERY = """
from celery.schedules import crontab, solar
MINUTE = 60
app.conf.timezone = "Europe/Berlin"
app.conf.beat_schedule = {
    "every half hour": {"task": "proj.tasks.add", "schedule": 30 * MINUTE, "kwargs": {"x": 1}},
    "mornings": {
        "task": "proj.tasks.wake", "schedule": crontab(minute=0, hour="7,8", day_of_week="monday-fri"),
        "options": {"queue": "fast", "expires": timedelta(minutes=5)},
    },
    "dusk": {"task": "lamps", "schedule": solar("sunset", 52.5, 13.4)},
    "both days": {"task": "proj.tasks.add", "schedule": crontab(0, 0, "mon", "13")},
    "positional": {"task": "proj.tasks.add", "schedule": 10.0, "args": (16, 16)},
    "routed": {"task": "proj.tasks.add", "schedule": 10, "options": {"exchange": "x"}},
    "computed": {"task": "proj.tasks.add", "schedule": every()},
    "named": {"task": f"{name}", "schedule": 5},
    **more,
}
app.conf.beat_schedule["later"] = {"task": "other.tasks.tidy", "schedule": timedelta(hours=2)}
@app.on_after_configure.connect
def setup(sender, **_):
    sender.add_periodic_task(10.0, tidy.s(), name="tidy")
"""
APSCHEDULER = """
scheduler = BackgroundScheduler()
@scheduler.scheduled_job("cron", day_of_week="0-4", hour="9-17/2", timezone="Europe/Berlin", coalesce=False)
def tick(): ...
scheduler.add_job("shop.stock:count", CronTrigger(hour=3, minute=30), id="stock", max_instances=2)
scheduler.add_job(
    tock, "interval", minutes=5, kwargs={"a": 1}, timezone=ZoneInfo("UTC"), misfire_grace_time=None,
)
scheduler.add_job(func=once, trigger="date", run_date="2027-01-01 09:00:00", id="party")
scheduler.add_job(last, CronTrigger.from_crontab("5 4 * * 6"), id="saturdays")
scheduler.add_job(end, "cron", day="last", id="month_end")
scheduler.add_job(weeks, "cron", week="*/2", hour=1)
scheduler.add_job(either, OrTrigger([CronTrigger(hour=1)]))
scheduler.add_job(wobbly, "interval", hours=1, jitter=10)
scheduler.add_job(lambda: 1, "interval", hours=1)
scheduler.add_job(tick, "interval", **options)
"""


def read(entries: Iterable[Entry], timezone: str = "UTC", **handlers: str) -> Imported:
    return imported(entries, handlers, timezone=timezone, now=NOW)


def by_id(found: Imported) -> dict[str, dict[str, Any]]:
    for task in found.tasks:
        parse_task(task)  # each is a task
    return {task["id"]: task for task in found.tasks}


def expressions(found: Imported) -> dict[str, Any]:
    return {name: one["schedule"].get("expression") for name, one in by_id(found).items()}


def test_crontab_lines_become_tasks_that_do_as_cron_does() -> None:
    found = read(crontab_entries(CRONTAB), "Europe/Paris")
    tasks = by_id(found)
    assert list(tasks) == ["backup.sh", "sync", "mail", "backup.sh-2"]
    assert tasks["backup.sh"] == {
        "id": "backup.sh",
        "handler": "handlers.command.run",
        "description": "back up the house every night",
        "schedule": {"type": "cron", "expression": "0 3 * * *", "timezone": "Europe/Paris"},
        "params": {"command": "/usr/local/bin/backup.sh --all", "environment": {"SHELL": "/bin/bash"}},
        "overlap": "allow",
        "misfire": {"policy": "skip"},
        "retry_policy": {"max_retries": 0},
    }
    assert "description" not in tasks["sync"]
    mail = tasks["mail"]
    assert (mail["schedule"]["timezone"], mail["params"]["command"]) == (
        "Europe/Berlin",
        "mail -s report boss",
    )
    assert mail["params"]["stdin"] == "Hello,\n100% done"


def test_crontab_lines_without_an_equal_are_named_with_the_reason() -> None:
    unmapped = read(crontab_entries(CRONTAB)).unmapped
    assert [one.split(":")[0] for one in unmapped] == ["line 2", "line 11", "line 12", "line 13", "line 14"]
    reasons = ("use the task's notify", "runs when the machine starts", "0 3 31 2 *", "0-23", "is not a line")
    for line, reason in zip(unmapped, reasons, strict=True):
        assert reason in line


def test_line_of_a_systems_crontab_has_a_user_as_a_param() -> None:
    found = read(crontab_entries("17 * * * * root run-parts /etc/cron.hourly\n", with_user=True))
    assert by_id(found)["run-parts"]["params"] == {"command": "run-parts /etc/cron.hourly", "user": "root"}


def test_beat_schedule_is_read_from_the_source_and_never_run() -> None:
    found = read(beat_schedule_entries(CELERY, "app.py"))
    tasks = by_id(found)
    assert list(tasks) == ["every-half-hour", "mornings", "dusk", "later"]
    half_hour = {"type": "interval", "seconds": 1800, "timezone": "UTC"}
    assert (tasks["every-half-hour"]["schedule"], tasks["every-half-hour"]["params"]) == (half_hour, {"x": 1})
    assert tasks["every-half-hour"]["handler"] == "handlers.tasks.add"
    assert tasks["mornings"]["schedule"]["expression"] == "0 7,8 * * mon-fri"
    assert tasks["mornings"]["schedule"]["timezone"] == "Europe/Berlin"
    assert (tasks["mornings"]["queue"], tasks["mornings"]["expires_seconds"]) == ("fast", 300.0)
    assert tasks["dusk"]["handler"] == "handlers.lamps.run"
    reasons = {
        "both days": "a cron expression runs on either",
        "positional": "has positional args, [16, 16]",
        "routed": "has the options exchange",
        "computed": "every(…)",
        "named": "is known only when the program runs",
        "more": "is known only when the program runs",
        "tidy.s()": "is known only when the program runs",
    }
    assert len(found.unmapped) == len(reasons)
    for line, (name, reason) in zip(found.unmapped, reasons.items(), strict=True):
        assert name in line
        assert reason in line


def test_redbeat_entries_become_tasks() -> None:
    common = {"task": "proj.tasks.add", "args": [], "kwargs": {"a": 1}, "options": {}, "enabled": False}
    crontab = {"__type__": "crontab", "minute": "5", "hour": "*/2", "day_of_week": "0", "day_of_month": "*"}
    found = read(
        stored_entries(
            {
                "a": json.dumps({**common, "schedule": crontab}),
                "b": json.dumps({**common, "schedule": {"__type__": "interval", "every": 90.0}}),
                "c": json.dumps(
                    {**common, "schedule": {"__type__": "interval", "every": 9, "relative": True}}
                ),
                "d": "{",
                "e": json.dumps({**common, "schedule": {"__type__": "rrule", "freq": 3}}),
            }
        )
    )
    assert expressions(found) == {"a": "5 */2 * * sun", "b": None}
    assert by_id(found)["b"]["enabled"] is False
    assert [line.split(":")[1] for line in found.unmapped] == [" 'c'", " 'd'", " 'e'"]


def test_jobs_are_read_from_the_source_that_adds_them() -> None:
    found = read(apscheduler_entries(APSCHEDULER, "jobs.py"))
    tasks = by_id(found)
    assert expressions(found) == {
        "tick": "0 9-17/2 * * mon-fri",
        "stock": "30 3 * * *",
        "tock": None,
        "party": None,
        "saturdays": "5 4 * * sun",  # APScheduler's 6 is Sunday
        "month_end": "0 0 L * *",
    }
    assert tasks["tick"]["misfire"] == {"policy": "all", "grace_seconds": 1}
    assert (tasks["stock"]["handler"], tasks["stock"]["overlap"]) == ("handlers.stock.count", "allow")
    assert tasks["tock"]["schedule"] == {"type": "interval", "minutes": 5, "timezone": "UTC"}
    assert tasks["tock"]["misfire"] == {"policy": "latest"}
    assert tasks["party"]["schedule"] == {"type": "once", "at": "2027-01-01 09:00:00", "timezone": "UTC"}
    reasons = ("limited to the week */2", "OrTrigger", "has jitter", "what it calls", "its options are known")
    for line, reason in zip(found.unmapped, reasons, strict=True):
        assert reason in line


def test_two_functions_never_share_a_handler_by_accident() -> None:
    source = 's.add_job("a.tasks:run", "interval", hours=1)\ns.add_job("b.tasks:run", "interval", hours=1)\n'
    found = read(apscheduler_entries(source, "jobs.py"))
    assert found.tasks == []
    assert "say which: --handler a.tasks.run=handlers.…" in found.unmapped[0]
    given = {"a.tasks.run": "handlers.a.run", "b.tasks.run": "handlers.b.run"}
    assert {one["handler"] for one in read(apscheduler_entries(source, ""), **given).tasks} == {
        *given.values()
    }


HARMLESS = (
    'beat_schedule = {"a": {"task": "t", "schedule": __import__("os").abort()}}',
    'beat_schedule = {"a": {"task": "t", "schedule": 10 ** 10 ** 10}}',
    f'beat_schedule = {{"a": {{"task": "t", "schedule": {" * ".join(["9" * 4000] * 50)}}}}}',
    "beat_schedule = {[1]: {}}",
    'beat_schedule = {"a": {"task": "t", "schedule": 1 / 0}}',
    'beat_schedule = {"a": {"task": "t", "schedule": -crontab()}}',
)


@pytest.mark.parametrize("source", HARMLESS, ids=range(len(HARMLESS)))
def test_hostile_source_is_neither_run_nor_mapped(source: str) -> None:
    found = read(beat_schedule_entries(source, "app.py"))
    assert (found.tasks, len(found.unmapped)) == ([], 1)


def test_source_that_is_no_python_is_refused() -> None:
    for text in ("beat_schedule = {", "\0", "(" * 5000):
        with pytest.raises(TaskFileError, match=r"app\.py: is not Python"):
            list(beat_schedule_entries(text, "app.py"))
