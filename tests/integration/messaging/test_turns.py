"""Turns between the tasks that share a queue: in what order messages are taken, and that none is lost."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.messaging.message import send
from mission_control.messaging.transport.turns import waiting_in_lanes
from mission_control.model.runs.new_run import ad_hoc_run
from mission_control.operate.queues import waiting_queues
from mission_control.store import redis_keys
from mission_control.sweep.whereabouts import Whereabouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

LIST = "default"


def sent(ours: Installation, *names: str) -> list[RunRecord]:
    """Enter and send a run for each name, such as `flood@1`, whose first part stands for a task."""
    runs = []
    for name in names:
        task, _, number = name.partition("@")
        now = ours.clock()
        run = ad_hoc_run(f"handlers.{task}", {}, ulid=number, at=now, now=now, queue=LIST)
        ours.ledger.dispatch(run)
        send(ours.celery, run)
        runs.append(run)
    return runs


def numbered(task: str, count: int) -> list[str]:
    return [f"{task}@{number}" for number in range(count)]


@contextmanager
def taking(ours: Installation) -> Iterator[Callable[[int], list[str]]]:
    """Give a function that takes some messages, and returns their names in the order in which they came."""
    taken: list[Any] = []
    app = ours.celery
    with (
        app.connection_for_read() as connection,
        app.amqp.TaskConsumer(connection.default_channel, on_message=taken.append),
    ):

        def take(count: int) -> list[str]:
            for _ in range(count):
                connection.drain_events(timeout=5)
            names = [_name_of(message) for message in taken]
            for message in taken:
                message.ack()
            taken.clear()
            return names

        yield take


def _name_of(message: Any) -> str:  # kombu's message
    return str(message.headers["id"]).removeprefix("handlers.").replace("@manual-", "@")


def keys_of_turns(ours: Installation) -> list[str]:
    return [*ours.client.scan_iter(f"{redis_keys.TURNS}*"), *ours.client.scan_iter(f"{redis_keys.LANES}*")]


def test_task_behind_a_long_backlog_of_another_comes_next(installation: Installation) -> None:
    sent(installation, *numbered("flood", 150), "tea@0", *numbered("milk", 3), "tea@1")
    with taking(installation) as take:
        first = take(9)
        rest = take(146)
    assert first == [
        *("flood@0", "flood@1", "tea@0", "milk@0"),
        *("flood@2", "tea@1", "milk@1", "flood@3", "milk@2"),
    ]
    assert [one for one in first + rest if one.startswith("flood")] == numbered("flood", 150)
    assert sorted(one for one in first + rest if not one.startswith("flood")) == [
        *numbered("milk", 3),
        *numbered("tea", 2),
    ]
    assert keys_of_turns(installation) == []


def test_task_that_comes_later_takes_its_turn_at_once(installation: Installation) -> None:
    sent(installation, *numbered("flood", 50))
    with taking(installation) as take:
        take(10)
        sent(installation, "tea@0")
        assert "tea@0" in take(3)


def test_plain_clients_take_one_turn_for_each_handler(installation: Installation) -> None:
    app = installation.celery
    sent(installation, *numbered("flood", 20))
    for _ in range(5):
        app.send_task("handlers.plain", queue=LIST)
    with taking(installation) as take:
        names = take(12)
    assert sum(name.startswith("plain:") for name in names) == 5


def test_waiting_messages_are_counted_found_and_purged_wherever_they_wait(installation: Installation) -> None:
    runs = sent(installation, *numbered("flood", 60), *numbered("tea", 4))
    app, client = installation.celery, installation.client
    with taking(installation) as take:
        take(2)
    assert client.llen(LIST) == 1
    assert waiting_in_lanes(client, [LIST]) == 61
    (queue,) = waiting_queues(app, installation.ledger, [LIST])
    assert (queue.waiting, queue.oldest) == (62, runs[2].dispatched_at)
    missing = Whereabouts(app, installation.ledger.entered_at).missing(runs)
    assert missing == runs[:2]
    with app.connection_for_write() as connection:
        assert connection.default_channel.queue_purge(LIST) == 62
    assert keys_of_turns(installation) == []


def test_idle_worker_that_took_the_next_message_puts_another_in_its_place(installation: Installation) -> None:
    """An idle worker waits on the list alone, which therefore has a message while any waits."""
    sent(installation, *numbered("flood", 5))
    client = installation.client
    with taking(installation) as take, installation.celery.connection_for_read() as connection:
        take(1)
        channel = connection.default_channel
        channel.basic_consume(LIST, False, lambda _: None, "idle")
        payload = client.rpop(LIST)
        assert isinstance(payload, str)
        channel._hold(LIST, LIST, payload.encode())  # what it does with what BRPOP answers
        channel.held.unacked.confirm()
        assert client.llen(LIST) == 1


def test_lanes_of_a_worker_that_died_with_the_next_message_are_served(installation: Installation) -> None:
    sent(installation, *numbered("flood", 5), "tea@0")
    with taking(installation) as take:
        take(1)
        installation.client.rpop(LIST)
        assert len(take(4)) == 4


def test_message_given_back_is_taken_next_and_the_others_keep_their_order(installation: Installation) -> None:
    sent(installation, *numbered("flood", 10), "tea@0")
    taken: list[Any] = []
    app = installation.celery
    with app.connection_for_read() as connection:
        with app.amqp.TaskConsumer(connection.default_channel, on_message=taken.append):
            for _ in range(3):
                connection.drain_events(timeout=5)
        connection.default_channel.close()
    before = [_name_of(message) for message in taken]
    with taking(installation) as take:
        after = take(11)
    assert set(before) <= set(after)
    assert [one for one in after if one.startswith("flood")] == numbered("flood", 10)


@pytest.mark.parametrize("key", [redis_keys.TURNS + LIST, f"{redis_keys.LANES}{LIST}:handlers.tea"])
def test_overwritten_key_of_turns_loses_no_message(installation: Installation, key: str) -> None:
    sent(installation, *numbered("flood", 30), *numbered("tea", 3))
    installation.client.set(key, "overwritten")
    with taking(installation) as take:
        assert sorted(take(33)) == sorted([*numbered("flood", 30), *numbered("tea", 3)])
    assert json.dumps(installation.client.get(key)) == '"overwritten"'
