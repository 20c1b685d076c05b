"""Accounts of what a beat did, whatever was done to its tasks meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mission_control.operate.account.gathering import counted, with_ledger
from mission_control.store import redis_keys
from tests.processes.minutely import MINUTE, NINE, A, Day

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.operate.account.account import Account
    from tests.stage.servers import RedisServer


@pytest.fixture
def day(redis_server: RedisServer, tmp_path: Path) -> Day:
    with redis_server.client() as client:
        client.flushall()
    return Day(redis_server.url, tmp_path)


def account(day: Day, minutes: float) -> Account:
    """Return the account of the minutes after nine, two minutes later."""
    created = NINE + (minutes + 2) * MINUTE
    paths = day.ours.audit.path, day.ours.changes.path
    found, reckoning = counted(*paths, (NINE, NINE + minutes * MINUTE), created)
    return with_ledger(found, reckoning, day.ours.client)


def test_account_is_balanced_whatever_is_done_to_tasks(day: Day) -> None:
    registry = day.ours.registry
    day.to(2)
    day.occurrences.skip("a", reason="holidays")
    day.occurrences.move("a", NINE + 5 * MINUTE, NINE + 7.5 * MINUTE)
    day.occurrences.move("a", NINE + 8 * MINUTE, NINE + 3600.5 * MINUTE)
    day.occurrences.move("a", NINE + 3600.5 * MINUTE, NINE + 7200.5 * MINUTE)
    day.to(6)
    registry.update("a", {"params": {"n": 1}})
    day.register("late")
    day.to(10)
    day.pause(A)
    day.to(12)
    day.resume(A, catch_up=True)
    day.leave(20)
    registry.update("a", {"schedule": {"type": "cron", "expression": "*/2 * * * *"}})
    day.to(24)
    registry.disable("a")
    day.to(26)
    registry.enable("a")
    registry.unregister("late")
    day.to(30)
    found = account(day, 30)
    assert (found.balance.unexplained, found.unexpected, found.twice, found.unknown) == ([], [], [], [])
    causes: dict[str, Any] = dict(found.balance.causes)
    assert causes.pop("moved") == 1
    assert causes.pop("missed (misfire)") > 0
    assert causes.pop("skipped (skipped_by_hand)") == 1
    assert causes.pop("dispatched") > 0
    assert set(causes) <= {"cancelled", "skipped (paused)"}
    assert found.balance.expected == 20 + 2 + 2 + 19


def test_run_that_redis_has_ended_without_a_record_is_unaccounted_with_the_remedy(day: Day) -> None:
    day.pause(A)
    day.to(3)
    path = day.ours.audit.path
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1] + lines[2:]))
    day.ours.client.delete(redis_keys.PENDING_RECORDS)
    found = account(day, 3)
    name = "a@20260302T090200Z"
    assert (found.balance.unexplained, dict(found.ledger.ended if found.ledger else {})) == (
        [name],
        {name: "skipped"},
    )
