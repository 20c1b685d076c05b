"""Events: noticed in the ledger, numbered without holes, and sent to all who listen."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from mission_control.store import redis_keys
from mission_control.web.events import broadcast, event_log
from mission_control.web.events.broadcast import Broadcast
from mission_control.web.events.event_log import EventLog
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from mission_control.installation.installation import Installation

TEA = {"id": "tea", "schedule": "every 1h", "handler": "handlers.hello.run"}


def runs_of(log: EventLog) -> list[str]:
    return [one.data for one in log.after(0) if one.kind == "run"]


def test_sent_and_ended_runs_are_noticed_once_by_one_of_two_servers(installation: Installation) -> None:
    from mission_control.dispatch.enqueue import Dispatch
    from mission_control.dispatch.run_control import RunControl

    first, second = (EventLog(installation.client, name) for name in ("a", "b"))
    first.notice()
    installation.registry.register(TEA)
    run = Dispatch.of(installation).enqueue("tea")
    for log in (first, second, first):
        log.notice()
    RunControl.of(installation).cancel(run.execution_id, reason="x")
    for log in (second, first, first):
        log.notice()
    states = [one.partition('"state": ')[2] for one in runs_of(second)]
    assert states == ['"dispatched"}', '"cancelled"}']
    assert first.ends() == (1, 2)


def test_ends_while_no_server_looked_are_caught_up_on(installation: Installation) -> None:
    first = EventLog(installation.client, "a")
    first._add(0, float(installation.client.time()[0]) - 60, [("pauses", {})])
    installation.client.zadd(redis_keys.FINISHED_RUNS, {"tea@1": installation.client.time()[0] - 30})
    second = EventLog(installation.client, "b")
    second.notice()
    assert [one.kind for one in second.after(0)] == ["pauses", "run"]


async def heard(source: AsyncIterator[str], count: int) -> list[str]:
    found: list[str] = []
    async for one in source:
        found += [part for part in one.split("\n\n") if part and not part.startswith(":")]
        if len(found) >= count:
            break
    return found


def names(texts: list[str]) -> list[str]:
    return [text.partition("event: ")[2].partition("\n")[0] for text in texts]


def sender(installation: Installation) -> Broadcast:
    return Broadcast(lambda: EventLog(installation.client, "a"), installation.redis_url)


def test_listener_that_comes_back_gets_what_it_missed_or_a_gap(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "MOST_KEPT", 3)
    now = float(installation.client.time()[0])
    EventLog(installation.client, "a")._add(0, now, [("pauses", {"version": str(one)}) for one in range(5)])

    async def ask(after: int, count: int) -> list[str]:
        return await heard(sender(installation).listen(after), count)

    assert names(asyncio.run(ask(3, 2))) == ["pauses", "pauses"]
    assert asyncio.run(ask(0, 1)) == ['id: 5\nevent: gap\ndata: {"after": 0, "upto": 5}']
    assert names(asyncio.run(ask(900, 1))) == ["gap"]


def test_slow_listener_loses_events_and_is_sent_a_gap_while_others_get_all(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(broadcast, "_QUEUED", 8)

    ours = sender(installation)

    def sent(number: int) -> bool:
        return ours._last >= number

    async def talk() -> tuple[list[str], list[str]]:
        log = EventLog(installation.client, "c")
        slow, quick = ours.listen(0), ours.listen(0)
        waiting = asyncio.ensure_future(heard(quick, 30))
        began = asyncio.ensure_future(anext(slow))
        await asyncio.to_thread(wait_until, lambda: len(ours._listeners) == 2, "both listen")
        now = float((await asyncio.to_thread(installation.client.time))[0])
        for at in range(30):
            await asyncio.to_thread(log._add, at, now, [("pauses", {"at": at})])
            await asyncio.to_thread(wait_until, partial(sent, at + 1), "it is sent")
        return await waiting, [await began, *(await heard(slow, 2))]

    quick, slow = asyncio.run(talk())
    assert names(quick) == ["pauses"] * 30
    assert names(slow)[:2] == ["pauses", "gap"]


def test_events_say_that_redis_is_away_and_back(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis.exceptions import ConnectionError as Away

    monkeypatch.setattr(broadcast, "_LOOK_EVERY", 0.01)
    calls, noticed = [0], EventLog.notice

    def notice(log: EventLog) -> Any:
        calls[0] += 1
        if calls[0] < 4:
            raise Away("gone")
        return noticed(log)

    monkeypatch.setattr(EventLog, "notice", notice)
    assert names(asyncio.run(heard(sender(installation).listen(None), 2))) == ["trouble", "well"]
