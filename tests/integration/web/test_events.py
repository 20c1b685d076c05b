"""Events: noticed in the ledger, numbered without holes, and sent to all who listen."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from mission_control.model.policies.pause import PauseKind, PauseLayer
from mission_control.operate.assembly import occurrences_of
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
    assert first.ends() == (1, 3)


def test_ends_while_no_server_looked_are_caught_up_on(installation: Installation) -> None:
    first = EventLog(installation.client, "a")
    first._add(0, float(installation.client.time()[0]) - 60, [("pauses", {})])
    installation.client.zadd(redis_keys.FINISHED_RUNS, {"tea@1": installation.client.time()[0] - 30})
    second = EventLog(installation.client, "b")
    second.notice()
    assert [one.kind for one in second.after(0)] == ["pauses", "run"]


def edits_of(log: EventLog) -> list[tuple[str, ...]]:
    found = [(one.kind, json.loads(one.data)) for one in log.after(0)]
    return [
        (kind, *(str(one[key]) for key in ("layer", "name", "task_id", "change", "revision") if key in one))
        for kind, one in found
    ]


def test_every_edit_of_tasks_pauses_limits_and_budgets_is_an_event(installation: Installation) -> None:
    log, registry, now = EventLog(installation.client, "a"), installation.registry, installation.clock()
    log.notice()
    registry.register(TEA)
    registry.update("tea", {"description": "hot"})
    registry.disable("tea")
    registry.enable("tea")
    occurrences_of(installation).skip("tea", reason="x")
    kinds = (PauseKind.TASK, "tea"), (PauseKind.TAG, "red")
    layers = [PauseLayer(kind, value, now, installation.who) for kind, value in kinds]
    installation.pauses.set(layers)
    installation.pauses.end([one.name for one in layers], reason=None, forget=True)
    installation.limits.set({"name": "api", "concurrency": 2})
    installation.budgets.set({"name": "spend", "runs": "9/d"})
    installation.limits.remove("api")
    registry.unregister("tea")
    log.notice()
    edits = "registered", "updated", "disabled", "enabled"
    assert edits_of(log) == [
        *(("task", "tea", change, str(at)) for at, change in enumerate(edits, 1)),
        ("task", "tea", "occurrence_skipped"),
        ("pauses", "task:tea", "tea", "paused"),
        ("pauses", "tag:red", "paused"),
        ("pauses", "tag:red", "resumed"),
        ("pauses", "task:tea", "tea", "resumed"),
        ("limit", "api", "set"),
        ("budget", "spend", "set"),
        ("limit", "api", "removed"),
        ("task", "tea", "unregistered"),
    ]
    assert {json.loads(one.data)["who"] for one in log.after(0)} == {installation.who}


def test_edits_while_no_server_looked_come_once_or_a_gap_stands_for_them(
    installation: Installation,
) -> None:
    first = EventLog(installation.client, "a")
    first.notice()
    installation.registry.register(TEA)
    first.notice()
    installation.registry.update("tea", {"description": "hot"})
    installation.client.delete(redis_keys.WEB_EVENTS_LEAD)
    second = EventLog(installation.client, "b")
    second.notice()
    second.notice()
    assert edits_of(second) == [("task", "tea", "registered", "1"), ("task", "tea", "updated", "2")]
    installation.registry.update("tea", {"description": "cold"})
    installation.client.xtrim(redis_keys.EDITS, maxlen=1, approximate=False)
    installation.client.xadd(redis_keys.EDITS, {"edits": "{"})
    second.notice()
    assert edits_of(second)[2:] == [("gap",), ("task", "tea", "updated", "3"), ("gap",)]
    installation.client.delete(redis_keys.EDITS)
    second.notice()
    second.notice()
    installation.registry.unregister("tea")
    second.notice()
    assert edits_of(second)[5:] == [("gap",), ("task", "tea", "unregistered")]


def test_runs_that_started_while_no_server_looked_are_events(installation: Installation) -> None:
    now = float(installation.client.time()[0])
    EventLog(installation.client, "a")._add(0, now, [("pauses", {})])
    installation.client.zadd(redis_keys.LEASES, {"tea@1": now + 60})
    log = EventLog(installation.client, "b")
    log.notice()
    log.notice()
    assert [one.kind for one in log.after(0)] == ["pauses", "run"]


def test_server_that_lost_the_lead_adds_nothing_to_the_events_of_the_other(
    installation: Installation,
) -> None:
    now = float(installation.client.time()[0])
    log = EventLog(installation.client, "a")
    assert log._add(0, now, [("pauses", {})])
    assert not log._add(0, now, [("pauses", {}), ("limit", {})])
    assert log.ends() == (1, 1)


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
