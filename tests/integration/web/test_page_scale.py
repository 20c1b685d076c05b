"""What a page costs does not grow with what the installation has: round trips, and bytes on the wire."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from redis.connection import AbstractConnection

from mission_control.ledger.run_reader import RunReader
from mission_control.operate.queues import waiting_queues
from mission_control.web.pages.views.table import VIEWS
from tests.stage.heartbeat import seem_alive
from tests.stage.many_tasks import with_tasks_like
from tests.stage.seeded_history import seed
from tests.stage.waiting import wait_until
from tests.stage.web import Web

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

MOST_BYTES = 60_000
OF_A_THOUSAND_TASKS = 4
"""Round trips more: what is read of very many is read a thousand at a time."""

_POPULATE = "for at = 1, ARGV[1] do redis.call('SET', 'other:' .. at, at) end"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """What grows by one with each round trip of this process."""
    found, send = list[None](), AbstractConnection.send_packed_command

    def counted(*args: Any, **how: Any) -> None:
        found.append(None)
        send(*args, **how)  # type: ignore[no-untyped-call]  # redis-py's

    monkeypatch.setattr(AbstractConnection, "send_packed_command", counted)
    return found


def trips(web: Web, paths: list[str], sent: list[None]) -> dict[str, int]:
    """Return how many round trips each page needs, once all is loaded; others only add to them."""
    found = dict.fromkeys(paths, 10**9)
    for path in paths * 3:
        before = len(sent)
        answer = web.ask("GET", path, headers={"Accept-Encoding": "gzip"})
        found[path] = min(found[path], len(sent) - before)
        assert answer.status_code == 200
        assert int(answer.headers["content-length"]) <= MOST_BYTES, path
    return found


def test_page_takes_as_many_round_trips_however_many_keys_and_tasks_there_are(
    installation: Installation, sent: list[None]
) -> None:
    seed(installation, runs_each=30)
    installation.limits.set({"name": "each", "concurrency": 1, "per": "params.who"})
    seem_alive(installation.client, "worker", "w", queues=["default"], concurrency=1)
    run = installation.ledger.runs_of("billing", limit=1)[0]
    known = {"task_id": "billing", "execution_id": run.execution_id}
    web, paths = Web(installation), [view.address.format(**known) for view in VIEWS]
    few = trips(web, paths, sent)
    with_tasks_like(installation, "billing", 1_000)
    installation.client.eval(_POPULATE, 0, 20_000)
    assert len([*installation.client.scan_iter(count=1_000)]) > 21_000
    many = trips(web, paths, sent)
    assert {
        path: many[path] - few[path] for path in paths if many[path] > few[path] + OF_A_THOUSAND_TASKS
    } == {}


def test_states_of_ten_thousand_runs_take_ten_round_trips(
    installation: Installation, sent: list[None]
) -> None:
    seed(installation, runs_each=2)
    ids = installation.ledger.ids()
    reader = RunReader(installation.client)
    assert reader.states([*ids, "none@x"]) == [run.state for run in reader.get_all(ids)] + [None]
    before = len(sent)
    assert reader.states(f"none@{at}" for at in range(10_000)) == [None] * 10_000
    assert len(sent) - before == 10


def test_queue_that_no_task_uses_is_found_at_once_and_later_within_a_minute(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, app, clock = installation.client, installation.celery, [0.0]
    monkeypatch.setattr("mission_control.operate.queues.time", SimpleNamespace(monotonic=lambda: clock[0]))

    def names() -> list[str]:
        return [one.name for one in waiting_queues(app, installation.ledger, ["default"])]

    def send(queue: str) -> None:
        client.sadd(f"_kombu.binding.{queue}", queue)
        client.lpush(queue, "{}")

    send("first")
    assert names() == ["first"]
    send("second")
    assert names() == ["first"]
    clock[0] = 61.0
    wait_until(lambda: names() == ["first", "second"], "another thread has looked")
