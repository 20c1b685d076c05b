"""The heartbeat: pings to a monitor on this machine, and the account that they carry."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

from beat.follow_up import heartbeat_ping
from beat.follow_up.heartbeat_ping import HeartbeatPing, HeartbeatReport
from mission_control.configuration.settings import Secret
from mission_control.model.values.addresses import parse_network
from mission_control.notifications.alarms import Alarms
from mission_control.operate.occurrences import Occurrences
from mission_control.processes.heartbeats import Heartbeat
from mission_control.store import redis_keys
from tests.processes.minutely import MINUTE, NINE, Day
from tests.stage.local_http import LocalHttpServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.stage.servers import RedisServer

LOOPBACK = parse_network("127.0.0.1")
TOKEN = "5d41402abc4b2a76"


@pytest.fixture
def server() -> Iterator[LocalHttpServer]:
    with LocalHttpServer() as server:
        yield server


@pytest.fixture
def day(redis_server: RedisServer, tmp_path: Path) -> Day:
    with redis_server.client() as client:
        client.flushall()
    return Day(redis_server.url, tmp_path)


def pinged(ping: HeartbeatPing) -> None:
    """Ping once, and wait until that is over."""
    ping.soon()
    ping.turn()
    assert ping._thread is not None
    ping._thread.join(timeout=60)
    assert not ping._thread.is_alive()


def to(url: str, problems: Sequence[str] = (), allowed: bool = True) -> HeartbeatPing:
    return HeartbeatPing(Secret(url), [LOOPBACK] if allowed else [], lambda: ([*problems], "expected 0"))


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    names = [str(getattr(record, "event", "")) for record in caplog.records]
    return [name for name in names if name.startswith("heartbeat_")]


def test_ping_goes_to_the_url_or_to_its_failure_with_the_account(
    server: LocalHttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    problems: list[str] = []
    ping = HeartbeatPing(Secret(f"{server.url}/{TOKEN}?x=1"), [LOOPBACK], lambda: (problems, "expected 0"))
    pinged(ping)
    problems.append("no worker is alive")
    pinged(ping)
    assert [(one.method, one.path, one.body.decode()) for one in server.requests] == [
        ("POST", f"/{TOKEN}?x=1", "OK\nexpected 0"),
        ("POST", f"/{TOKEN}/fail?x=1", "FAILURE\nno worker is alive\nexpected 0"),
    ]
    assert lines(caplog) == ["heartbeat_arrives"]
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("path", ["status/500", "redirect?to=/elsewhere", "hang"])
def test_monitor_that_fails_is_logged_once_and_its_return_too(
    path: str, server: LocalHttpServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    if path == "hang":
        monkeypatch.setattr(heartbeat_ping, "TIMEOUT_SECONDS", 1.0)
    ping = to(f"{server.url}/{path}")
    pinged(ping)
    pinged(ping)
    assert lines(caplog) == ["heartbeat_failed"]
    wait_until(lambda: server.requests, "a ping has arrived")
    assert {one.path.partition("?")[0] for one in server.requests} == {f"/{path.partition('?')[0]}"}
    monkeypatch.undo()
    ping.url = Secret(server.url)
    pinged(ping)
    assert lines(caplog) == ["heartbeat_failed", "heartbeat_arrives"]


def test_monitor_that_hangs_delays_no_turn_and_has_one_ping_at_a_time(server: LocalHttpServer) -> None:
    ping = to(f"{server.url}/hang")
    for _ in range(5):
        ping.soon()
        ping.turn()
    wait_until(lambda: server.requests, "the ping arrives")
    assert ping._thread is not None
    assert ping._thread.is_alive()
    assert len(server.requests) == 1
    server.closing.set()
    ping._thread.join(timeout=60)  # what it logs belongs to this test


def test_answer_without_an_end_is_read_no_further_than_needed(server: LocalHttpServer) -> None:
    ping = to(f"{server.url}/bytes/50000000")
    pinged(ping)
    assert ping._problem is None
    assert len(server.requests) == 1


def test_address_that_is_not_allowed_is_not_called_and_the_url_is_not_logged(
    server: LocalHttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    pinged(to(f"{server.url}/{TOKEN}", allowed=False))
    assert lines(caplog) == ["heartbeat_failed"]
    assert "is a loopback address and is not called" in caplog.text
    assert TOKEN not in caplog.text
    assert "127.0.0.1" not in caplog.text
    assert server.requests == []


def test_account_that_cannot_be_taken_is_a_failure_and_is_logged(
    server: LocalHttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[Any] = [ConnectionError("no Redis")]

    def report() -> tuple[list[str], str]:
        if answers:
            raise answers.pop()
        return [], "expected 0"

    ping = HeartbeatPing(Secret(server.url), [LOOPBACK], report)
    pinged(ping)
    assert lines(caplog) == ["heartbeat_failed"]
    assert server.requests[0].body.decode() == "FAILURE\nno account: ConnectionError: no Redis\n"
    pinged(ping)
    assert [one.path for one in server.requests] == ["/fail", "/"]


def report_of(day: Day) -> Callable[[], tuple[list[str], str]]:
    ours = day.ours
    report = HeartbeatReport(ours.client, lambda: ours.registry, ours.redbeat_keys, lambda: day.now)

    def at_the_time_of_the_test() -> tuple[list[str], str]:
        ours.client.delete(redis_keys.KNOWN_SINCE)  # it has the server's time, months later
        return report()

    return at_the_time_of_the_test


def test_account_is_of_every_occurrence_and_names_what_has_no_run(day: Day) -> None:
    Heartbeat(day.ours.client, "worker", "w@1").beat(queues=["default"])
    report = report_of(day)
    day.register("tea", schedule={"type": "interval", "minutes": 1}, overlap="skip")
    occurrences = Occurrences(day.ours.registry, day.ours.occurrences, day.ours.ledger, day.ours.clock)
    occurrences.move("a", at=NINE + 3 * MINUTE, to=NINE + 30.5 * MINUTE)
    day.to(2)
    assert report()[0] == []
    day.to(4)
    problems, account = report()
    assert problems == []
    assert account == (
        "2026-03-02T09:01:00Z to 2026-03-02T09:03:00Z: expected 4 = done 0 + explained 4 "
        "(1 dispatched, 1 moved, 2 skipped), unexplained 0"
    )
    run = redis_keys.run("a@20260302T090400Z")
    kept: Any = day.ours.client.hgetall(run)
    day.ours.client.delete(run)
    day.to(6)
    assert report()[0] == ["unexplained: a@20260302T090400Z"]
    day.to(7)
    problems, account = report()
    assert problems == ["unexplained: a@20260302T090400Z"]  # until it has a run
    assert account.endswith("unexplained 0")
    day.ours.client.hset(run, mapping=kept)
    day.to(8)
    assert report()[0] == []


def test_silent_workers_open_alarms_and_overdue_occurrences_are_failures(day: Day) -> None:
    day.to(1)
    Alarms(day.ours.client, lambda: day.now, has_default=False).begin("queue:default", "3 runs of it wait")
    day.now = NINE + 4 * MINUTE
    problems, _ = report_of(day)()
    assert problems == [
        "queue:default: 3 runs of it wait",
        "no worker is alive",
        "overdue: a@20260302T090200Z",
        "unexplained: a@20260302T090200Z, a@20260302T090300Z",
    ]


def test_account_of_many_tasks_is_taken_a_part_at_a_time(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat_ping, "TASKS_AT_ONCE", 2)
    for number in range(4):
        day.register(f"t{number}")
    report = report_of(day)
    day.to(5)
    accounts = [report()[1] for _ in range(3)]
    assert sorted(one.rpartition(" (")[2] for one in accounts) == [
        "1 task of 5)",
        "2 tasks of 5)",
        "2 tasks of 5)",
    ]
    day.to(7)
    again = [report()[1].partition("expected ")[2].partition(" ")[0] for _ in range(3)]
    assert sorted(again) == ["2", "4", "4"]  # of the two minutes since


def test_heartbeat_is_not_due_again_before_a_minute_has_passed(server: LocalHttpServer) -> None:
    ping = to(server.url)
    ping.turn()
    assert ping._thread is not None
    ping._thread.join(timeout=60)
    ping.turn()
    assert ping._next > time.monotonic()
    assert len(server.requests) == 1
