"""Lines on their way to Redis, while Redis hangs, is gone, or the process forks."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.dispatch.run_logs import LogLine
from mission_control.store import redis_keys
from mission_control.store.connection import connect
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until
from workers.call.attempt_log import LogSender

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = redis_keys.run_log("a@1")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer(appendonly=True) as server:
        yield server


@pytest.fixture
def client(server: RedisServer) -> Iterator[Redis]:
    with connect(server.url) as client:
        client.flushall()
        yield client


def sender(client: Redis) -> LogSender:
    return LogSender(client, most=5, keep=timedelta(days=1))


def say(log: LogSender, *numbers: int) -> None:
    for number in numbers:
        log.send("a@1", [LogLine(NOW, 1, "out", number, f"line {number}")])


def length(client: Redis) -> int:
    return int(client.llen(KEY))


def test_lines_arrive_while_nothing_is_waited_for_and_the_last_are_kept(client: Redis) -> None:
    log = sender(client)
    say(log, 1, 2, 3, 4, 5, 6, 7)
    log.confirm()
    kept = client.lrange(KEY, 0, -1)
    assert '"line 3"' in str(kept[0])
    assert length(client) == 5
    assert 0 < int(client.ttl(KEY)) <= 86_400


def test_lines_that_are_sent_to_a_hanging_server_arrive_when_it_goes_on(
    server: RedisServer, client: Redis
) -> None:
    log = sender(client)
    say(log, 1)
    log.confirm()
    server.pause()
    say(log, 2, 3)
    server.resume()
    wait_until(lambda: length(client) == 3, "the lines have arrived")


def test_lines_of_an_outage_are_sent_with_the_next_ones(server: RedisServer, client: Redis) -> None:
    log = sender(client)
    say(log, 1)
    log.confirm()
    server.kill()
    say(log, 2, 3, 4)  # the first may be lost with the connection
    server.restart()
    say(log, 5)
    log.confirm()
    found = str(client.lrange(KEY, 0, -1))
    assert [number for number in (1, 3, 4, 5) if f'"line {number}"' not in found] == []


def test_forked_child_sends_on_a_connection_of_its_own(client: Redis) -> None:
    log = sender(client)
    say(log, 1)
    if (child := os.fork()) == 0:
        say(log, 2)
        os._exit(0)
    os.waitpid(child, 0)
    say(log, 3)
    log.confirm()
    wait_until(lambda: length(client) == 3, "the lines of both have arrived")


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_child_that_is_forked_while_another_thread_sends_is_not_held_up(client: Redis) -> None:
    log, is_held, may_go = sender(client), threading.Event(), threading.Event()

    def hold() -> None:
        with log.lock:
            is_held.set()
            may_go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    if (child := os.fork()) == 0:
        say(log, 1)
        os._exit(0)
    may_go.set()
    thread.join()
    try:
        wait_until(lambda: length(client) == 1, "the child's line has arrived")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
