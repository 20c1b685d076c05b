"""Bad messages: each is moved aside with a record of why, and the next good one runs."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest
from celery import Celery

from mission_control.audit.stream.reader import read_all
from mission_control.messaging.transport.dead_letters import SHOWN_PAYLOAD
from mission_control.messaging.transport.unacked import MOST_DEAD_LETTERS
from mission_control.store import redis_keys
from tests.processes.real_workers import VISIBILITY_SECONDS, WorkerHouse
from tests.samples.bad_messages import BAD_MESSAGES
from tests.stage.audit_stream import repaired, verified_runs
from tests.stage.waiting import wait_until


def dead_letters(house: WorkerHouse) -> list[dict[str, Any]]:
    with house.server.client() as client:
        return [json.loads(entry) for entry in client.lrange(redis_keys.DEAD_LETTERS, 0, -1)]


def rejections(house: WorkerHouse) -> list[dict[str, Any]]:
    path = house.installation.settings.task_execution_log
    return [one for one in read_all(path) if one["status"] == "rejected"] if path.exists() else []


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_bad_message_becomes_a_dead_letter_with_a_record_and_the_next_one_runs(
    house: WorkerHouse, pool: str
) -> None:
    with house.server.client() as client:
        for at, (raw, _) in enumerate(BAD_MESSAGES.values()):
            client.lpush("default" if at % 2 else "default\x06\x166", raw)
    good = house.run(priority=9)
    with house.worker(pool=pool) as worker:
        house.succeeds(good)
        wait_until(house.is_drained, "bad messages are acknowledged")
        assert worker.exit_code is None
    entries, records = dead_letters(house), rejections(house)
    assert len(entries) == len(records) == len(BAD_MESSAGES)
    for raw, words in BAD_MESSAGES.values():
        shown = raw[:SHOWN_PAYLOAD].decode("utf-8", "replace")
        (entry,) = [one for one in entries if one["payload"] == shown and words in one["reason"]]
        assert (entry["queue"], entry["bytes"]) == ("default", len(raw))
        assert any(entry["reason"] in one["reason"] for one in records)


def test_id_that_cannot_be_shown_reaches_no_ledger_and_the_audit_stays_sound(house: WorkerHouse) -> None:
    with (
        closing(Celery("bare", broker=house.server.url, set_as_current=False)) as bare,
        house.worker(pool="solo"),
    ):
        bare.send_task("handlers.hello.run", task_id="evil\x1b[2J\nforged", queue="default")
        (record,) = wait_until(lambda: rejections(house), "the message is recorded")
        house.succeeds(house.run())
    assert record["execution_id"].startswith("evil\\x1b[2J")
    assert "its header id has a character that cannot be shown" in record["reason"]
    assert not [run for run in house.installation.ledger.last_finished(limit=9) if "evil" in run.execution_id]
    assert verified_runs(house.installation).findings == ()
    assert repaired(house.installation).is_nothing


def test_record_of_a_bad_message_names_its_handler_and_run(house: WorkerHouse) -> None:
    with house.server.client() as client:
        client.lpush("default", BAD_MESSAGES["retries that are text"][0])
    with house.worker(pool="solo"):
        (record,) = wait_until(lambda: rejections(house), "the message is recorded")
    assert (record["task_id"], record["execution_id"]) == (
        "handlers.hello.run",
        "handlers.hello.run@manual-1",
    )
    assert "its header retries is not a count" in record["reason"]


def test_malformed_broadcast_does_not_stop_a_worker(house: WorkerHouse) -> None:
    with house.worker(pool="solo") as worker, house.server.client() as client:
        for raw, _ in BAD_MESSAGES.values():
            client.publish("/0.celery.pidbox", raw)
            client.publish("/0.celeryev/worker.heartbeat", raw)
        house.succeeds(house.run())
        answers = wait_until(
            lambda: house.installation.celery.control.inspect(timeout=2).ping(), "the worker answers"
        )
        assert (list(answers), worker.exit_code) == ([worker.name], None)
    assert dead_letters(house) == []


def test_bad_message_of_a_dead_worker_becomes_a_dead_letter_at_the_next_one(house: WorkerHouse) -> None:
    with house.server.client() as client:
        for tag, stored in (("1", b"not JSON"), ("2", b"[42, null, null]"), ("3", b'[hello, "", "default"]')):
            client.hset("unacked", tag, stored)
            client.zadd("unacked_index", {tag: 1})
        client.zadd("unacked_index", {"of nothing": 1})
    with house.worker(pool="solo"):
        wait_until(house.is_drained, "nothing is left", timeout=VISIBILITY_SECONDS + 15)
        house.succeeds(house.run())
    assert len(dead_letters(house)) == len(rejections(house)) == 3


def test_dead_letters_are_bounded(house: WorkerHouse) -> None:
    with house.server.client() as client:
        client.lpush(redis_keys.DEAD_LETTERS, *(str(number) for number in range(MOST_DEAD_LETTERS)))
        client.lpush("default", b"42")
        with house.worker(pool="solo"):
            wait_until(lambda: rejections(house), "the message is set aside")
            wait_until(house.is_drained, "it is acknowledged")
        assert client.llen(redis_keys.DEAD_LETTERS) == MOST_DEAD_LETTERS
        assert json.loads(client.lindex(redis_keys.DEAD_LETTERS, 0))["payload"] == "42"
