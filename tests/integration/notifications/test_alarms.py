"""Alarms: silent beats and silent workers, noticed by the others on a real server and broker."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from beat.follow_up.worker_watch import WorkerWatch
from mission_control.dispatch.enqueue import Dispatch, RunOptions
from mission_control.dispatch.run_ending import RunEnding
from mission_control.notifications.alarms import BEAT, Alarms, open_alarms
from mission_control.operate.overdue import overdue
from mission_control.processes.heartbeats import Heartbeat
from mission_control.store import redis_keys
from mission_control.sweep.sweep import Sweep
from tests.processes.minutely import MINUTE, NINE, Day
from workers.process.beat_watch import BeatWatch

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stage.servers import RedisServer

SILENCE = timedelta(seconds=30)


@pytest.fixture
def day(redis_server: RedisServer, tmp_path: Path) -> Day:
    with redis_server.client() as client:
        client.flushall()
    return Day(redis_server.url, tmp_path)


def alarms(day: Day) -> Alarms:
    return Alarms(day.ours.client, lambda: day.now, has_default=True)


def messages(day: Day) -> list[str]:
    """Return the titles of the messages that became runs."""
    runs = [run for run in day.ours.ledger.active() if run.handler == "handlers.notification.run"]
    return [run.params["title"] for run in runs]


def worker_looks(day: Day, silence: timedelta = SILENCE) -> None:
    ending = replace(RunEnding.of(day.ours), has_default_channel=True)
    parts = day.ours.client, lambda: day.ours.registry, day.ours.redbeat_keys, ending
    BeatWatch(*parts, silence=silence, queue="default").look(day.ours.celery)


def test_alarm_is_reported_once_however_many_notice_it_and_so_is_its_end(day: Day) -> None:
    one, other = alarms(day), alarms(day)
    assert (one.begin(BEAT, "nothing fires"), other.begin(BEAT, "nothing fires")) == (True, False)
    assert open_alarms(day.ours.client)[BEAT].text == "nothing fires"
    day.now += 5 * MINUTE
    assert (other.end(BEAT), one.end(BEAT)) == (True, False)
    stored: Any = day.ours.client.lrange(redis_keys.NOTIFICATIONS, 0, -1)
    assert [text.count("beat is silent") for text in stored] == [1, 1]
    assert "after 5 min: nothing fires" in stored[1]
    assert not day.ours.client.exists(redis_keys.ALARMS)


def test_alarm_without_a_default_channel_sends_nothing(day: Day) -> None:
    assert Alarms(day.ours.client, lambda: day.now, has_default=False).begin(BEAT, "nothing fires")
    assert not day.ours.client.exists(redis_keys.NOTIFICATIONS)


def test_workers_report_a_silent_beat_once_when_an_occurrence_is_overdue(day: Day) -> None:
    day.to(1)
    day.ours.client.delete(redis_keys.BEAT_LEADER)
    day.now = NINE + 2.25 * MINUTE
    worker_looks(day)
    assert messages(day) == []  # what is overdue may still be taken by a beat that stands by
    day.now = NINE + 2.75 * MINUTE
    worker_looks(day)
    assert messages(day) == []  # another worker has just looked
    for _ in range(3):
        day.ours.client.delete(redis_keys.BEAT_WATCHER)
        worker_looks(day)
    assert messages(day) == ["beat is silent"]
    assert "a@20260302T090200Z is overdue" in open_alarms(day.ours.client)[BEAT].text


def test_workers_report_nothing_while_a_beat_leads_or_nothing_is_overdue(day: Day) -> None:
    day.now = NINE + 9 * MINUTE
    worker_looks(day)  # it leads
    day.ours.client.delete(redis_keys.BEAT_LEADER)
    day.ours.registry.disable("a")
    worker_looks(day)
    assert (messages(day), open_alarms(day.ours.client)) == ([], {})


def test_overdue_occurrence_is_found_by_its_id_even_without_the_schedule(day: Day) -> None:
    ours = day.ours
    day.to(1)

    def found(minutes: float) -> list[str]:
        now = NINE + minutes * MINUTE
        return overdue(ours.client, ours.registry, ours.redbeat_keys, now)

    assert found(2.5) == []
    assert found(3.5) == ["a@20260302T090200Z"]
    ours.client.delete(ours.redbeat_keys.schedule)
    assert found(3.5) == ["a@20260302T090200Z"]
    ours.client.hset(redis_keys.run("a@20260302T090200Z"), "state", "dispatched")
    assert found(3.5) == []


def test_beat_reports_each_queue_that_no_worker_serves_and_when_one_is_back(day: Day) -> None:
    client = day.ours.client
    watch, sweep = WorkerWatch(client, alarms(day)), Sweep.of(day.ours.celery, day.ours)
    Dispatch.of(day.ours).enqueue("handlers.hello.run", {}, RunOptions(queue="slow"))
    Dispatch.of(day.ours).enqueue("handlers.hello.run", {}, RunOptions(queue="quick"))
    Heartbeat(client, "worker", "w@1").beat(queues=["quick"], concurrency=1)
    sweep.look()
    assert sweep.unanswered == {}
    day.now += MINUTE / 2
    sweep.look()
    assert {queue: len(runs) for queue, runs in sweep.unanswered.items()} == {"slow": 1, "quick": 1}
    assert (watch.look(sweep.unanswered), watch.look(sweep.unanswered)) == (1, 0)
    assert list(open_alarms(client)) == ["queue:slow"]
    Heartbeat(client, "worker", "w@2").beat(queues=["slow"], concurrency=1)
    assert (watch.look(sweep.unanswered), watch.look(sweep.unanswered)) == (1, 0)
    stored: Any = client.lrange(redis_keys.NOTIFICATIONS, 0, -1)
    assert [text.count("no worker serves the queue slow") for text in stored] == [1, 1]


def test_beat_that_leads_ends_the_alarm_that_beats_are_silent_and_one_that_cannot_be_read(day: Day) -> None:
    alarms(day).begin(BEAT, "nothing fires")
    day.ours.client.hset(redis_keys.ALARMS, "queue:x", "no JSON")
    assert day.beat._lead.take().has_alarms
    assert WorkerWatch(day.ours.client, alarms(day)).look({}) == 1
    assert not day.beat._lead.take().has_alarms
