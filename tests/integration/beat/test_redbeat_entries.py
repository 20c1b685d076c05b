"""RedBeat entries and settings, as this beat treats them, on a real Redis."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from celery.schedules import crontab, schedule
from kombu import Exchange, Queue
from kombu.common import Broadcast
from redbeat import RedBeatSchedulerEntry
from redbeat.schedules import rrule

from beat.scheduler import MissionControlScheduler
from mission_control.errors import SettingsError
from mission_control.installation.installation import Installation, create_app, current_installation
from mission_control.store.redis_keys import BEAT_LEADER
from tests.processes.beats import body_of, leading_beat, messages, sent_ids
from tests.processes.still_beats import HANDLER, NINE, app_with, beat_of, task
from tests.stage.quarantine import quarantined_tasks
from tests.stage.waiting import wait_until


@pytest.mark.parametrize(
    "their_schedule",
    [schedule(60), crontab(minute="*"), rrule("MINUTELY", dtstart=NINE)],
    ids=["interval", "crontab", "rrule"],
)
def test_entry_saved_by_any_program_fires_under_an_id_of_its_time(
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


def test_rule_of_one_occurrence_fires_once_at_its_time(installation: Installation) -> None:
    app = create_app("other", lambda: installation)
    with leading_beat(installation):
        at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=6)
        for number in range(5):
            once = rrule("SECONDLY", dtstart=at + timedelta(seconds=number % 2), count=1)
            RedBeatSchedulerEntry(f"rule-{number}", HANDLER, once, app=app).save()
        wait_until(lambda: installation.client.zcard("redbeat::schedule") == 0, "all rules have ended")
    assert sorted(sent_ids(installation.client)) == [
        f"rule-{number}@{at + timedelta(seconds=number % 2):%Y%m%dT%H%M%SZ}" for number in range(5)
    ]


def test_entry_for_a_broadcast_or_several_queues_is_sent_as_with_redbeat(installation: Installation) -> None:
    media = Exchange("media", type="topic")
    queues = (Queue("one", media, routing_key="media.#"), Queue("two", media, routing_key="media.a"))
    app = app_with(installation, task_queues=(Broadcast("everybody"), Queue("default"), *queues))
    with app.connection_for_write() as connection:
        for queue in queues:
            queue(connection.default_channel).declare()
    everybody = installation.client.pubsub()  # type: ignore[no-untyped-call]
    everybody.psubscribe("*everybody*")
    with time_machine.travel(NINE, tick=False):
        for name, options in {
            "named": {"queue": "everybody"},
            "topical": {"exchange": "media", "routing_key": "media.a"},
        }.items():
            RedBeatSchedulerEntry(name, HANDLER, schedule(60), options=options, app=app).save()
    with time_machine.travel(NINE + timedelta(minutes=1), tick=False):
        beat = beat_of(installation, app)
        beat.tick()
        beat.tick()
    assert quarantined_tasks(installation.client, installation.redbeat_keys) == {}
    assert sent_ids(installation.client, "one") == sent_ids(installation.client, "two")
    assert sent_ids(installation.client, "one") == ["topical@20260302T090100Z"]
    found = [message for _ in range(3) if (message := everybody.get_message(timeout=1)) is not None]
    heard = [json.loads(one["data"])["headers"]["id"] for one in found if one["type"] == "pmessage"]
    assert heard == ["named@20260302T090100Z"]
    everybody.close()


def test_disabled_redbeat_entry_is_off_the_schedule_until_saved_enabled(installation: Installation) -> None:
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


def test_tool_that_patches_apply_async_sees_redbeat_entries(
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


def test_configured_redbeat_prefix_applies_to_tasks_and_entries(
    bare_environment: pytest.MonkeyPatch, installation: Installation
) -> None:
    bare_environment.setenv("MISSION_CONTROL_REDBEAT_KEY_PREFIX", "mine:")
    mine = current_installation()
    app = app_with(mine, beat_schedule={"fixed": {"task": HANDLER, "schedule": 60.0}})
    with time_machine.travel(NINE, tick=False):
        mine.registry.register(task("ours", schedule={"type": "interval", "minutes": 1}))
        RedBeatSchedulerEntry("theirs", HANDLER, schedule(60), app=app).save()
        mine.client.hset("mine:spoilt", "definition", "no JSON")
        mine.client.zadd("mine::schedule", {"mine:spoilt": NINE.timestamp()})
        beat_of(mine, app).tick()
    with time_machine.travel(NINE + timedelta(minutes=1), tick=False):
        mine.client.delete("mine::schedule")
        beat = beat_of(mine, app)
        beat.tick()  # rebuilds it
        beat.tick()
    names = {one.partition("@")[0] for one in sent_ids(mine.client)}
    assert names == {"ours", "theirs", "fixed"}
    assert mine.client.smembers("mine::statics") == {"fixed"}
    assert list(quarantined_tasks(mine.client, mine.redbeat_keys)) == ["spoilt"]
    assert installation.client.keys("redbeat:*") == []
    assert mine.registry.unregister("ours")
    assert mine.client.keys("mine:ours") == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"redbeat_key_prefix": "mine:"}, "redbeat_key_prefix is 'mine:'"),
        ({"redbeat_redis_url": "redis://:secret@127.0.0.1:1/3"}, "redbeat_redis_url"),
    ],
)
def test_redbeat_settings_that_hide_entries_are_refused(
    installation: Installation, settings: dict[str, str], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    beat = beat_of(installation, app_with(installation, **settings))
    with pytest.raises(SystemExit) as caught:
        beat.tick()
    assert caught.value.code == 1
    assert words in caplog.text
    assert "secret" not in caplog.text
    assert installation.client.exists(BEAT_LEADER) == 0


def test_database_with_two_prefixes_is_refused_for_producers_and_beats(
    bare_environment: pytest.MonkeyPatch, installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    assert installation.registry.register(task())
    bare_environment.setenv("MISSION_CONTROL_REDBEAT_KEY_PREFIX", "mine:")
    mine = current_installation()
    for refused in (lambda: mine.registry.register(task("ours")), lambda: mine.registry.get("nine")):
        with pytest.raises(SettingsError, match="kept under 'redbeat:'"):
            refused()
    with pytest.raises(SystemExit):
        beat_of(mine).tick()
    assert "kept under 'redbeat:'" in caplog.text
    assert installation.client.exists(BEAT_LEADER, "mine:ours") == 0
    with time_machine.travel(NINE, tick=False):
        beat_of(installation).tick()
    assert installation.client.exists(BEAT_LEADER) == 1
