"""What beat writes to a real Redis: messages, rows, round trips, and what becomes of RedBeat's entries."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from celery.schedules import crontab, schedule
from redbeat import RedBeatSchedulerEntry
from redbeat.schedules import rrule

from beat.scheduler import MissionControlScheduler
from mission_control import register_task
from mission_control.errors import SettingsError
from mission_control.ledger.run_record import occurrence_run
from mission_control.messaging.celery_app import create_app
from mission_control.messaging.message import send
from tests.beats import body_of, messages, sent_ids
from tests.servers import RedisServer

if TYPE_CHECKING:
    from celery import Celery

    from mission_control.installation import Installation

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HANDLER = "handlers.test_handler.run"


def task(name: str = "nine", **fields: Any) -> dict[str, Any]:
    return {"id": name, "handler": HANDLER, "schedule": {"type": "daily", "time": "09:00"}, **fields}


def beat_of(installation: Installation, app: Celery | None = None) -> MissionControlScheduler:
    chosen = create_app("beat", lambda: installation) if app is None else app
    beat = MissionControlScheduler(chosen, installation=installation, lazy=True)
    beat.max_interval = 0.0  # the clock of these tests stands still: nothing would end a wait
    return beat


def app_with(installation: Installation, **settings: Any) -> Celery:
    app = create_app("theirs", lambda: installation)
    app.conf.update(settings)
    return app


@pytest.mark.parametrize(
    ("fields", "queue"),
    [
        ({}, "default"),
        ({"timeout_seconds": 20}, "default"),
        ({"priority": 5}, "default\x06\x163"),
        ({"queue": "elsewhere", "priority": 9}, "elsewhere\x06\x169"),
        ({"expires_seconds": 60, "timeout_seconds": 1.5}, "default"),
    ],
)
def test_a_message_is_the_one_that_celery_would_have_sent(
    installation: Installation, fields: dict[str, Any], queue: str
) -> None:
    with time_machine.travel(NINE - timedelta(hours=1), tick=False):
        assert register_task(task(**fields))
    with time_machine.travel(NINE, tick=False):
        beat_of(installation).tick()
        (run,) = installation.ledger.runs_of("nine")
        send(installation.celery, run)
    ours, theirs = messages(installation.client, queue)
    assert body_of(ours) == body_of(theirs)
    for message in (ours, theirs):
        del message["body"], message["headers"]["origin"], message["properties"]["reply_to"]
        del message["properties"]["delivery_tag"]
        message["properties"].pop("expiration", None)  # no Redis transport reads it
    assert ours == theirs


@pytest.mark.parametrize("fields", [{}, {"timeout_seconds": 20, "priority": 3, "params": {"a": [1, "ü"]}}])
def test_the_run_that_is_entered_is_the_one_that_the_ledger_would_have_entered(
    installation: Installation, fields: dict[str, Any]
) -> None:
    with time_machine.travel(NINE - timedelta(hours=1), tick=False):
        assert register_task(task(**fields, expires_seconds=90))
    with time_machine.travel(NINE, tick=False):
        beat_of(installation).tick()
        definition = installation.registry.definition("nine")
        assert definition is not None
        assert installation.ledger.runs_of("nine") == [occurrence_run(definition, NINE, now=NINE)]


def test_what_the_ledger_has_is_not_fired_again_though_the_schedule_says_so(
    installation: Installation,
) -> None:
    with time_machine.travel(NINE - timedelta(hours=1), tick=False):
        assert register_task(task())
    for _ in range(2):
        installation.client.zadd("redbeat::schedule", {"redbeat:nine": NINE.timestamp()})
        with time_machine.travel(NINE, tick=False):
            beat_of(installation).tick()
    assert sent_ids(installation.client) == ["nine@20260302T090000Z"]


def test_a_herd_costs_less_than_a_fiftieth_of_a_round_trip_each(installation: Installation) -> None:
    herd = 2_000
    with time_machine.travel(NINE - timedelta(hours=1), tick=False):
        assert register_task(task())
        hash_of_one: Any = installation.client.hgetall("redbeat:nine")
        with installation.client.pipeline(transaction=False) as pipe:
            for at in range(herd):
                name = f"herd-{at}"
                own = {**json.loads(hash_of_one["task"]), "id": name}
                pipe.hset(f"redbeat:{name}", mapping={**hash_of_one, "task": json.dumps(own)})
                pipe.zadd("redbeat::schedule", {f"redbeat:{name}": NINE.timestamp()})
            pipe.execute()
    with time_machine.travel(NINE, tick=False):
        beat = beat_of(installation)
        before = round_trips(installation)
        while len(sent_ids(installation.client)) <= herd:
            beat.tick()
        assert (round_trips(installation) - before) / herd < 0.02
    assert len(set(sent_ids(installation.client))) == herd + 1


def round_trips(installation: Installation) -> int:
    """Return how many commands clients have sent; what scripts call is not among them."""
    stats: Any = installation.client.info("commandstats")
    sent = (
        "evalsha",
        "eval",
        "script|load",
        "exists",
        "lrange",
        "llen",
        "smembers",
        "hgetall",
        "info",
        "scan",
    )
    return sum(int(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"]) for name in sent)


@pytest.mark.parametrize(
    "their_schedule",
    [schedule(60), crontab(minute="*"), rrule("MINUTELY", dtstart=NINE)],
    ids=["interval", "crontab", "rrule"],
)
def test_an_entry_that_any_program_saved_fires_under_an_id_of_its_time(
    installation: Installation, their_schedule: Any
) -> None:
    with time_machine.travel(NINE, tick=False):
        app = create_app("other", lambda: installation)
        RedBeatSchedulerEntry("theirs", HANDLER, their_schedule, kwargs={"a": 1}, app=app).save()
    for minute in (1, 2):
        with time_machine.travel(NINE + timedelta(minutes=minute), tick=False):
            beat_of(installation).tick()
    assert sent_ids(installation.client) == ["theirs@20260302T090100Z", "theirs@20260302T090200Z"]
    assert body_of(messages(installation.client)[0])[1] == {"a": 1}


def test_the_entries_of_the_configuration_are_installed_kept_changed_and_removed(
    installation: Installation,
) -> None:
    client = installation.client
    entry = {"task": HANDLER, "schedule": 60.0}
    two = {"kept": entry, "removed": entry}
    with time_machine.travel(NINE + timedelta(seconds=0.7), tick=False):
        beat_of(installation, app_with(installation, beat_schedule=two)).tick()
    due = client.zscore("redbeat::schedule", "redbeat:kept")
    with time_machine.travel(NINE + timedelta(seconds=30.9), tick=False):
        beat_of(installation, app_with(installation, beat_schedule={"kept": entry})).tick()
    assert client.zscore("redbeat::schedule", "redbeat:kept") == due
    assert not client.exists("redbeat:removed")
    assert client.smembers("redbeat::statics") == {"kept"}
    changed = {"kept": {**entry, "schedule": 90.0}}
    with time_machine.travel(NINE + timedelta(seconds=31), tick=False):
        beat_of(installation, app_with(installation, beat_schedule=changed)).tick()
    assert client.zscore("redbeat::schedule", "redbeat:kept") == pytest.approx(NINE.timestamp() + 90, abs=1)


def test_a_spoilt_entry_of_the_configuration_is_replaced_and_a_bad_one_left_out(
    installation: Installation,
) -> None:
    installation.client.set("redbeat:spoilt", "not a hash")
    entries = {"spoilt": {"task": HANDLER, "schedule": 60.0}, "bad": {"task": HANDLER, "colour": "red"}}
    with time_machine.travel(NINE, tick=False):
        beat_of(installation, app_with(installation, beat_schedule=entries)).tick()
    assert installation.client.zscore("redbeat::schedule", "redbeat:spoilt") is not None
    assert installation.client.zscore("redbeat::schedule", "redbeat:bad") is None


def test_a_disabled_entry_of_redbeats_is_taken_off_until_it_is_saved_enabled(
    installation: Installation,
) -> None:
    app = create_app("other", lambda: installation)
    with time_machine.travel(NINE, tick=False):
        entry = RedBeatSchedulerEntry("theirs", HANDLER, schedule(60), enabled=False, app=app).save()
    with time_machine.travel(NINE + timedelta(minutes=1), tick=False):
        beat_of(installation).tick()
        assert installation.client.zcard("redbeat::schedule") == 0
        entry.enabled = True
        entry.save()
        beat_of(installation).tick()
    assert len(sent_ids(installation.client)) == 1


def test_a_tool_that_patches_apply_async_sees_entries_of_redbeats(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    original = MissionControlScheduler.apply_async

    def patched(*args: Any, **kwargs: Any) -> Any:
        _, entry = args  # as Sentry takes them
        seen.append(entry.name)
        return original(*args, **kwargs)

    monkeypatch.setattr("redbeat.schedulers.RedBeatScheduler.apply_async", patched)
    app = create_app("other", lambda: installation)
    with time_machine.travel(NINE, tick=False):
        RedBeatSchedulerEntry("theirs", HANDLER, schedule(60), app=app).save()
    with time_machine.travel(NINE + timedelta(minutes=1), tick=False):
        beat_of(installation).tick()
    assert seen == ["theirs"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"redbeat_key_prefix": "mine:"}, "redbeat_key_prefix is 'mine:'"),
        ({"redbeat_redis_url": "redis://:secret@127.0.0.1:1/3"}, "redbeat_redis_url"),
    ],
)
def test_settings_of_redbeats_that_would_hide_entries_are_refused(
    installation: Installation, settings: dict[str, str], words: str
) -> None:
    beat = beat_of(installation, app_with(installation, **settings))
    with pytest.raises(SettingsError, match=words) as caught:
        beat.tick()
    assert "secret" not in str(caught.value)


def test_a_broker_on_another_server_gets_every_message_though_beat_dies_in_between(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RedisServer() as broker, broker.client() as there:
        app = app_with(installation, broker_url=broker.url)
        with time_machine.travel(NINE, tick=False):
            other = create_app("other", lambda: installation)
            RedBeatSchedulerEntry("theirs", HANDLER, schedule(60), app=other).save()
            assert register_task(task(schedule={"type": "interval", "minutes": 1}))
        with time_machine.travel(NINE + timedelta(minutes=1), tick=False):
            monkeypatch.setattr("beat.scheduler.send_outbox", lambda *_: 0)  # it dies before it sends
            beat_of(installation, app).tick()
            monkeypatch.undo()
            assert sent_ids(there) == []
            beat_of(installation, app).tick()
        ids = {"nine@20260302T090100Z", "theirs@20260302T090100Z"}
        assert set(sent_ids(there)) == ids
        assert sent_ids(installation.client) == []
        assert not installation.client.exists("mc:beat:outbox")
