"""What becomes of the runs of a task that is removed or disabled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from mission_control.audit.stream.reader import read_all
from mission_control.dispatch.enqueue import Dispatch
from mission_control.dispatch.run_options import DebounceOptions, RunOptions
from mission_control.ledger.claims import BeginVerdict
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.stage.live_installation import YEARLY

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.ledger.ledger import Ledger

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
A_TASK = {"id": "a", "schedule": YEARLY, "handler": "handlers.hello.run", "overlap": "allow"}


def test_removed_task_has_no_further_attempts_even_if_its_id_is_used_again(
    installation: Installation,
) -> None:
    registry = installation.registry
    registry.register(A_TASK)
    ledger, enqueued = installation.ledger, [Dispatch.of(installation).enqueue("a") for _ in range(4)]
    sent, retrying, failing, failing_later = (run.execution_id for run in enqueued)
    for execution_id in (retrying, failing, failing_later):
        assert ledger.begin(execution_id, 1, worker="w", at=NOON).run is not None
    ended_with_retry(ledger, retrying)
    assert registry.unregister("a")
    removed = "its task was removed"
    assert state_and_reason(ledger, retrying) == ("cancelled", removed)
    assert state_and_reason(ledger, sent) == ("cancelled", removed)
    ended_with_retry(ledger, failing)
    assert state_and_reason(ledger, failing) == ("cancelled", removed)
    registry.register(A_TASK)
    ended_with_retry(ledger, failing_later)
    reply = ledger.begin(failing_later, 2, worker="w", at=NOON)
    assert (reply.verdict, reply.run and reply.run.cancel_requested) == (BeginVerdict.CANCEL, removed)
    records = read_all(installation.settings.task_execution_log)
    assert {one["execution_id"] for one in records} == {sent, retrying}
    assert ledger.history("a").total_runs == 0


@pytest.mark.parametrize("way", ["disable", "switch", "update", "apply"])
def test_disabled_task_keeps_no_run_waiting(installation: Installation, way: str) -> None:
    registry, ledger = installation.registry, installation.ledger
    registry.register(A_TASK)
    registry.register({**A_TASK, "id": "other"})
    enqueued = [Dispatch.of(installation).enqueue("a") for _ in range(4)]
    sent, retrying, failing, parked = (run.execution_id for run in enqueued)
    other = Dispatch.of(installation).enqueue("other").execution_id
    for execution_id in (retrying, failing):
        assert ledger.begin(execution_id, 1, worker="w", at=NOON).run is not None
    ended_with_retry(ledger, retrying)
    installation.client.zadd(redis_keys.PARKED, {parked: 1})
    switched_off = {**A_TASK, "enabled": False}
    match way:
        case "disable":
            registry.disable("a")
        case "switch":
            registry.switch("a", enabled=False)
        case "update":
            registry.update("a", {"enabled": False})
        case _:
            registry.apply(registry.check.parse_new(switched_off))
    disabled = "its task was disabled"
    for execution_id in (sent, retrying, parked):
        assert state_and_reason(ledger, execution_id) == ("cancelled", disabled)
    assert not installation.client.exists(redis_keys.PARKED)
    ended_with_retry(ledger, failing)
    assert ledger.begin(failing, 2, worker="w", at=NOON).verdict is BeginVerdict.CANCEL
    assert state_and_reason(ledger, other) == ("dispatched", None)
    recorded = [one["execution_id"] for one in read_all(installation.settings.task_execution_log)]
    assert sorted(recorded) == sorted([sent, retrying, parked])


@pytest.mark.parametrize("change", ["disable", "unregister"])
def test_runs_that_wait_for_anything_leave_one_record_each(installation: Installation, change: str) -> None:
    registry, dispatch = installation.registry, Dispatch.of(installation)
    limit = {"name": "one", "concurrency": 1}
    installation.limits.set(limit)
    registry.register({**A_TASK, "overlap": "queue", "limits": ["one"]})
    options = (
        RunOptions(),
        RunOptions(overlap="queue"),
        RunOptions(delay="1h"),
        RunOptions(debounce=DebounceOptions(key="k", delay="1h")),
    )
    runs = [dispatch.enqueue("a", options=one).execution_id for one in options]
    getattr(registry, change)("a")
    reason = f"its task was {'disabled' if change == 'disable' else 'removed'}"
    assert {state_and_reason(installation.ledger, one) for one in runs} == {("cancelled", reason)}
    recorded = [one["execution_id"] for one in read_all(installation.settings.task_execution_log)]
    assert sorted(recorded) == sorted(runs)
    assert not installation.client.exists(redis_keys.PARKED)


def test_run_enqueued_while_its_task_is_disabled_waits_until_it_is_disabled_again(
    installation: Installation,
) -> None:
    registry, ledger = installation.registry, installation.ledger
    registry.register({**A_TASK, "enabled": False})
    run = Dispatch.of(installation).enqueue("a").execution_id
    registry.update("a", {"description": "of another kind"})
    assert state_and_reason(ledger, run) == ("dispatched", None)
    assert registry.disable("a")
    assert state_and_reason(ledger, run) == ("cancelled", "its task was disabled")


def ended_with_retry(ledger: Ledger, execution_id: str) -> None:
    run = ledger.get(execution_id)
    assert run is not None
    assert ledger.end(run, RunState.RETRYING, at=NOON) is not None


def state_and_reason(ledger: Ledger, execution_id: str) -> tuple[str, str | None]:
    run = ledger.get(execution_id)
    assert run is not None
    return str(run.state), run.reason
