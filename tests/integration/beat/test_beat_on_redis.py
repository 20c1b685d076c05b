"""What beat writes to a real Redis: messages, rows and round trips."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from celery.schedules import schedule
from redbeat import RedBeatSchedulerEntry
from redis.connection import AbstractConnection

from beat import scheduler
from beat.entries.entry_keys import as_bytes
from beat.firing import batches
from beat.turn.lead import NotLeadingError
from mission_control import register_task
from mission_control.installation.installation import create_app
from mission_control.messaging.message import send
from mission_control.model.runs.new_run import manual_run
from mission_control.model.runs.run_record import Trigger
from mission_control.store import redis_keys
from tests.processes.beats import body_of, messages, sent_ids
from tests.processes.still_beats import HANDLER, NINE, app_with, beat_of, task
from tests.stage.servers import RedisServer

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


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
def test_templated_message_equals_the_one_that_celery_sends(
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
def test_fired_run_equals_one_that_the_ledger_enters(
    installation: Installation, fields: dict[str, Any]
) -> None:
    with time_machine.travel(NINE - timedelta(hours=1), tick=False):
        assert register_task(task(**fields, expires_seconds=90))
    with time_machine.travel(NINE, tick=False):
        beat_of(installation).tick()
        definition = installation.registry.definition("nine")
        assert definition is not None
        entered = manual_run(definition, ulid="", at=NINE, now=NINE)
        fired = replace(entered, execution_id="nine@20260302T090000Z", trigger=Trigger.SCHEDULE)
        assert installation.ledger.runs_of("nine") == [fired]


def test_occurrence_in_the_ledger_never_fires_again(installation: Installation) -> None:
    with time_machine.travel(NINE - timedelta(hours=1), tick=False):
        assert register_task(task())
    for _ in range(2):
        installation.client.zadd("redbeat::schedule", {"redbeat:nine": NINE.timestamp()})
        installation.client.hset("redbeat:nine", "due", NINE.timestamp())
        with time_machine.travel(NINE, tick=False):
            beat_of(installation).tick()
    assert sent_ids(installation.client) == ["nine@20260302T090000Z"]


def test_commit_of_nothing_writes_nothing_and_needs_the_lead(installation: Installation) -> None:
    client = installation.client

    def everything() -> dict[str, Any]:
        return {key: as_bytes(client, "DUMP", key) for key in client.scan_iter()}

    with time_machine.travel(NINE - timedelta(seconds=3), tick=False):
        beat = beat_of(installation)
        assert register_task(task())
        beat.tick()
        assert beat._firing.prepared.next_due == NINE.timestamp()
        before = everything()
        beat._firing.commit_nothing(installation.clock)
        assert everything() == before
        client.set(redis_keys.BEAT_LEADER, "another")
        with pytest.raises(NotLeadingError):
            beat._firing.commit_nothing(installation.clock)


def test_herd_costs_less_than_a_fiftieth_of_a_round_trip_each(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    herd, trips = 5_000, 0
    for module, longest in ((batches, "LONGEST_SECONDS"), (scheduler, "LONGEST_FIRING")):
        monkeypatch.setattr(module, longest, 60.0)  # a slow machine makes no smaller batches then
    send_packed: Any = AbstractConnection.send_packed_command

    def counted(connection: AbstractConnection, *command: Any, **options: Any) -> Any:
        nonlocal trips
        trips += 1
        return send_packed(connection, *command, **options)

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
        while len(sent_ids(installation.client)) <= herd:
            with monkeypatch.context() as patch:
                patch.setattr(AbstractConnection, "send_packed_command", counted)
                beat.tick()
        assert 0 < trips / herd < 0.02
    assert len(set(sent_ids(installation.client))) == herd + 1


def test_killed_beat_sends_every_message_to_a_broker_elsewhere(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RedisServer() as broker, broker.client() as there:
        app = app_with(installation, broker_url=broker.url)
        with time_machine.travel(NINE, tick=False):
            other = create_app("other", lambda: installation)
            RedBeatSchedulerEntry("theirs", HANDLER, schedule(60), app=other).save()
            assert register_task(task(schedule={"type": "interval", "minutes": 1}))
        with time_machine.travel(NINE + timedelta(minutes=1), tick=False):
            monkeypatch.setattr(
                "beat.follow_up.follow_up.send_outbox", lambda *_: 0
            )  # it dies before it sends
            beat_of(installation, app).tick()
            monkeypatch.undo()
            assert sent_ids(there) == []
            beat_of(installation, app).tick()
        ids = {"nine@20260302T090100Z", "theirs@20260302T090100Z"}
        assert set(sent_ids(there)) == ids
        assert sent_ids(installation.client) == []
        assert not installation.client.exists("mc:beat:outbox")


def test_tasks_joining_prepared_ones_double_no_run(installation: Installation) -> None:
    names = ["nine", "eight", "five", "four"]  # each stands before the others in the schedule
    with time_machine.travel(NINE - timedelta(seconds=3), tick=False):
        beat = beat_of(installation)
        for name in names:
            assert register_task(task(name))
            beat.tick()
    with time_machine.travel(NINE, tick=False):
        beat.tick()
        beat.tick()
    assert sorted(sent_ids(installation.client)) == sorted(f"{name}@20260302T090000Z" for name in names)


def test_closed_beat_ends_with_its_next_turn_if_the_signal_did_not_end_it(installation: Installation) -> None:
    beat = beat_of(installation)
    beat.tick()
    assert installation.client.exists(redis_keys.BEAT_LEADER)
    beat.close()
    with pytest.raises(SystemExit):
        beat.tick()
    assert not installation.client.exists(redis_keys.BEAT_LEADER)
