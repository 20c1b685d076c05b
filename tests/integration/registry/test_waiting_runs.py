"""What becomes of the runs of a task that is removed or disabled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.stream.reader import read_all
from mission_control.dispatch.enqueue import Dispatch
from mission_control.dispatch.run_options import DebounceOptions, RunOptions
from mission_control.errors import UnknownTaskError
from mission_control.ledger.claims import BeginVerdict
from mission_control.model.runs.run_state import RunState
from mission_control.registry.change_log import ChangeLog
from mission_control.registry.runnable_tasks import RunnableTasks
from mission_control.registry.task_store import TaskStore
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


def test_run_that_begins_to_wait_as_its_task_is_removed_is_cancelled(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, dispatch, entered = installation.registry, Dispatch.of(installation), list[str]()
    registry.register(A_TASK)
    remove = TaskStore.remove

    def enter_first(*given: Any, **how: Any) -> Any:
        entered.append(dispatch.enqueue("a").execution_id)
        return remove(*given, **how)

    monkeypatch.setattr(TaskStore, "remove", enter_first)
    assert registry.unregister("a")
    assert state_and_reason(installation.ledger, entered[0]) == ("cancelled", "its task was removed")
    assert not installation.client.exists(redis_keys.revoked(entered[0]))


def test_removal_that_is_killed_leaves_no_run_to_begin_but_those_of_a_new_task_with_its_id(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, ledger, dispatch = installation.registry, installation.ledger, Dispatch.of(installation)
    registry.register(A_TASK)
    old = dispatch.enqueue("a").execution_id

    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as killing:
        killing.setattr(ChangeLog, "record", killed)
        with pytest.raises(SystemExit):
            registry.unregister("a")
    registry.register(A_TASK)
    new = dispatch.enqueue("a").execution_id
    reply = ledger.begin(old, 1, worker="w", at=NOON)
    assert (reply.verdict, reply.run and reply.run.cancel_requested) == (
        BeginVerdict.CANCEL,
        "its task was removed",
    )
    assert ledger.begin(new, 1, worker="w", at=NOON).verdict is BeginVerdict.BEGUN


@pytest.mark.parametrize("way", ["enqueue", "catch_up"])
def test_task_that_is_removed_as_a_run_of_it_is_prepared_gets_no_run(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    registry, dispatch = installation.registry, Dispatch.of(installation)
    registry.register(A_TASK)
    load = RunnableTasks.load

    def remove_then(self: RunnableTasks, task_id: str) -> Any:
        found = load(self, task_id)
        registry.unregister("a")
        return found

    monkeypatch.setattr(RunnableTasks, "load", remove_then)
    with pytest.raises(UnknownTaskError):
        _ = dispatch.enqueue("a") if way == "enqueue" else dispatch.catch_up("a", NOON, key="k")
    assert installation.ledger.active_of("a") == []
