"""When runs are expected to start, in `run show`, `status` and `next --eta`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.model.runs.run_state import RunState
from mission_control.model.values.instants import parse_instant
from mission_control.store import redis_keys
from tests.samples.ledger_runs import a_run
from tests.stage.command_line import mc
from tests.stage.heartbeat import seem_alive

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

pytestmark = pytest.mark.usefixtures("bare_environment")


def past_runs(installation: Installation, task_id: str, minutes: int) -> None:
    """Let a task have six runs that took so many minutes each."""
    ledger, start = installation.ledger, installation.clock() - timedelta(days=1)
    for at in range(6):
        name = f"{task_id}@past-{at}"
        ledger.dispatch(a_run(name, dispatched_at=start, scheduled_time=start))
        run = ledger.begin(name, 1, worker="w", at=start).run
        assert run is not None
        assert ledger.end(run, RunState.SUCCESS, at=start + timedelta(minutes=minutes))


def one_worker(installation: Installation) -> None:
    seem_alive(installation.client, "worker", "w", queues=["default"], concurrency=1)


def test_run_behind_two_of_ten_minutes_is_expected_after_twenty(installation: Installation) -> None:
    one_worker(installation)
    past_runs(installation, "a", 10)
    ledger, now = installation.ledger, installation.clock()
    for at in range(3):
        ledger.dispatch(a_run(f"a@{at}", dispatched_at=now + timedelta(milliseconds=at), overlaps=True))
    ledger.begin("a@0", 1, worker="w", at=now)

    eta = mc("run", "show", "a@2", "--json").json["eta"]
    waits = parse_instant(eta["p50"]) - now
    assert timedelta(minutes=19) < waits < timedelta(minutes=21)
    assert eta["earliest"] <= eta["p50"] <= eta["p90"] <= eta["latest"]
    shown = mc("run", "show", "a@2").err
    assert "expected to start in 19 min" in shown or "expected to start in 20 min" in shown

    assert "eta" not in mc("run", "show", "a@0", "--json").json
    found = mc("status", "--json").json["eta"]
    assert {name: one is not None for name, one in found.items()} == {"a@1": True, "a@2": True}
    assert "; expected to start in " in mc("status").out


def test_run_of_a_queue_that_no_worker_serves_has_no_estimate(installation: Installation) -> None:
    one_worker(installation)
    installation.ledger.dispatch(a_run("a@1", queue="other"))
    assert mc("run", "show", "a@1", "--json").json["eta"] is None
    assert "its start cannot be estimated" in mc("run", "show", "a@1").err


def test_occurrence_far_ahead_waits_for_what_is_due_then(installation: Installation) -> None:
    one_worker(installation)
    for name in ("a", "b"):
        past_runs(installation, name, 5)
        daily = {"type": "daily", "time": "09:00"}
        installation.registry.register({"id": name, "handler": "handlers.hello.run", "schedule": daily})
    first, second = (mc("next", name, "--eta", "-n", "2", "--json").json for name in ("a", "b"))
    assert len(first) == len(second) == 2
    waits = sorted(
        (parse_instant(one["eta"]["p50"]) - parse_instant(one["scheduled_time"])).total_seconds()
        for one in (first[1], second[1])
    )
    assert waits == [0, 300]
    assert "by (90 %)" in mc("next", "a", "--eta").out


def test_estimates_need_a_task(installation: Installation) -> None:
    assert installation.client.ping()
    answer = mc("next", "--eta")
    assert answer.code == 2
    assert "--eta is for one task; give its id" in answer.err


def test_status_without_estimates_where_a_key_has_the_wrong_type(installation: Installation) -> None:
    one_worker(installation)
    installation.ledger.dispatch(a_run("a@1"))
    installation.client.delete(redis_keys.PAUSES)
    installation.client.set(redis_keys.PAUSES, "x")
    answer = mc("status", "--json")
    assert answer.json["eta"] == {}
    assert redis_keys.PAUSES in answer.json["keys_of_wrong_type"]
