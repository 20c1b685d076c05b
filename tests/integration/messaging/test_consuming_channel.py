"""Popping, acknowledging and giving back messages while Redis or a connection comes and goes."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import pytest
from kombu.asynchronous import Hub
from redis import Redis
from redis.exceptions import ResponseError

from mission_control.dispatch.enqueue import Dispatch
from mission_control.messaging.transport import consuming_channel
from mission_control.messaging.transport.held_messages import HeldMessages
from mission_control.messaging.transport.unacked import QueueLists, Unacked, UnackedKeys
from tests.samples.bad_messages import message
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

LISTS = QueueLists(lambda queue, _: queue, lambda _, queue: [queue])
STORED = f'[{message()}, "", "default"]'


def test_fetched_message_is_noted_as_delivered_in_the_same_step(installation: Installation) -> None:
    """And comes back at once if the answer that brings it is lost with the connection."""
    Dispatch.of(installation).enqueue("handlers.hello.run")
    app, client = installation.celery, installation.client
    with app.connection_for_read() as connection, app.amqp.TaskConsumer(connection.default_channel):
        connection.transport.cycle.on_poll_start()
        wait_until(lambda: client.llen("default") == 0, "the message is taken")
        assert client.hlen("unacked") == client.zcard("unacked_index") == 1
        connection.collect()
    wait_until(lambda: client.llen("default") == 1, "the message is back")
    assert not client.exists("unacked", "unacked_index")


def test_fetch_acknowledges_what_is_done_on_its_way(installation: Installation) -> None:
    """And what it may not have acknowledged, because its answer is lost, is acknowledged later."""
    for _ in range(3):
        Dispatch.of(installation).enqueue("handlers.hello.run")
    app, client = installation.celery, cast("Any", installation.client)
    taken: list[Any] = []
    with (
        app.connection_for_read() as connection,
        app.amqp.TaskConsumer(connection.default_channel, on_message=taken.append),
        client.monitor() as monitor,
    ):
        for _ in range(2):
            connection.drain_events(timeout=5)
        first, second = taken
        first.ack()
        connection.transport.cycle.on_poll_start()
        commands = iter(monitor.next_command, None)
        acknowledged = next(one for one in commands if one["command"].startswith("HDEL unacked"))
        assert (acknowledged["client_type"], acknowledged["command"].split()[-1]) == (
            "lua",
            first.delivery_tag,
        )
        second.ack()
        connection.collect()
    wait_until(lambda: client.llen("default") == 1, "the third is back")
    wait_until(lambda: not client.exists("unacked", "unacked_index"), "the second is acknowledged")


def test_plain_messages_are_taken_in_a_moment_after_a_message_was_asked_for(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a handler which was given a message just before starts first."""
    app, client, hub = installation.celery, installation.client, Hub()
    monkeypatch.setattr(consuming_channel, "get_event_loop", lambda: hub)
    client.lpush("celery", message())
    with app.connection_for_read() as connection, app.amqp.TaskConsumer(connection.default_channel):
        connection.transport.cycle.on_poll_start()
        hub.fire_timers()
        assert client.llen("celery") == 1
        wait_until(lambda: hub.fire_timers() and not client.llen("celery"), "the plain message is taken in")
        connection.collect()
    assert client.llen("default") == 1


def test_plain_messages_are_left_alone_by_a_channel_that_was_closed_meanwhile(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub()
    monkeypatch.setattr(consuming_channel, "get_event_loop", lambda: hub)
    monkeypatch.setattr(consuming_channel, "_TAKE_IN_AFTER_SECONDS", 0)
    installation.client.lpush("celery", message())
    app = installation.celery
    with app.connection_for_read() as connection, app.amqp.TaskConsumer(connection.default_channel):
        connection.transport.cycle.on_poll_start()
        connection.collect()
    hub.fire_timers()
    assert installation.client.llen("celery") == 1


def test_acknowledgements_and_returns_during_an_outage_are_sent_when_redis_is_back() -> None:
    with (
        RedisServer(appendonly=True, extra=["appendfsync always"]) as server,
        closing(Redis.from_url(server.url, socket_timeout=2)) as client,
    ):
        held = HeldMessages(Unacked(client, UnackedKeys("unacked", "unacked_index")), LISTS, 60)
        for tag in ("done", "given back"):
            held.unacked.hold(tag, STORED)
            held.add(tag)
        server.kill()
        held.acknowledge("done")
        held.give_back_later(["given back", "never delivered"])
        held.push_later("default", b"popped")
        server.restart()
        wait_until(lambda: client.llen("default") == 2, "both are on their queue")
        wait_until(lambda: not client.exists("unacked", "unacked_index"), "nothing is left over")
        assert client.lpos("default", "popped") is not None


def test_message_given_back_by_several_processes_goes_back_once(installation: Installation) -> None:
    unacked = Unacked(installation.client, UnackedKeys("unacked", "unacked_index"))
    unacked.hold("tag", STORED)
    assert not unacked.give_back("tag", "payload", ["default"], last=False, visible_after=60)
    assert unacked.give_back("tag", "payload", ["default"], last=False, visible_after=None)
    assert not unacked.give_back("tag", "payload", ["default"], last=False, visible_after=None)
    assert installation.client.lrange("default", 0, -1) == ["payload"]


def test_message_that_went_to_others_is_no_longer_held_which_is_logged(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    held = HeldMessages(Unacked(installation.client, UnackedKeys("unacked", "unacked_index")), LISTS, 0.3)
    for tag in ("kept", "gone"):
        held.unacked.hold(tag, STORED)
        held.add(tag)
    held.unacked.give_back("gone", "payload", ["default"], last=False, visible_after=None)
    wait_until(lambda: "gone" not in held, "a renewal finds it")
    wait_until(lambda: "messages_redelivered" in caplog.text, "it is logged")
    assert "kept" in held
    held.acknowledge("kept")
    assert installation.client.keys("unacked*") == []


def test_note_that_was_only_sent_counts_for_whatever_is_asked_next(installation: Installation) -> None:
    unacked = Unacked(installation.client, UnackedKeys("unacked", "unacked_index"))
    unacked.hold_soon("tag", STORED.encode(), popped_from="default")
    assert unacked.renew(["tag"]) == []
    unacked.hold_soon("another", STORED.encode(), popped_from="default")
    unacked.hold_soon("third", STORED.encode(), popped_from="default")
    unacked.forget("tag", "another", "third")
    assert not installation.client.exists("unacked", "unacked_index")


def test_note_that_redis_refused_is_raised_once_and_the_connection_serves_again(
    installation: Installation,
) -> None:
    installation.client.set("unacked", "of another type")
    unacked = Unacked(installation.client, UnackedKeys("unacked", "unacked_index"))
    unacked.hold_soon("tag", STORED.encode(), popped_from="default")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        unacked.confirm()
    unacked.confirm()
    installation.client.delete("unacked")
    unacked.hold("tag", STORED)
    assert unacked.stored("tag") == STORED.encode()
