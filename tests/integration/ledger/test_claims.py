"""Claims on a real server: leases, fences, deliveries and orphaned runs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.ledger.claims import BeginVerdict, LeaseState
from mission_control.model.runs.run_state import MOST_DELIVERIES, RunState
from mission_control.store import redis_keys
from tests.samples.ledger_runs import NOW, a_run, begun, in_state, lapse

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


@pytest.mark.parametrize(
    ("state", "attempt", "has_lapsed", "verdict"),
    [
        (RunState.DISPATCHED, 1, False, BeginVerdict.BEGUN),
        (RunState.DISPATCHED, 2, False, BeginVerdict.STALE),
        (RunState.RUNNING, 1, False, BeginVerdict.HELD),
        (RunState.RUNNING, 1, True, BeginVerdict.BEGUN),
        (RunState.RUNNING, 2, True, BeginVerdict.STALE),
        (RunState.RETRYING, 1, True, BeginVerdict.STALE),
        (RunState.RETRYING, 2, False, BeginVerdict.BEGUN),
        (RunState.RETRYING, 3, False, BeginVerdict.STALE),
        (RunState.SUCCESS, 1, True, BeginVerdict.FINISHED),
        (RunState.SUCCESS, 2, False, BeginVerdict.FINISHED),
        (RunState.CANCELLED, 1, False, BeginVerdict.FINISHED),
    ],
)
def test_begin_of_an_attempt_succeeds_only_if_it_is_next_and_free(
    installation: Installation, state: RunState, attempt: int, has_lapsed: bool, verdict: BeginVerdict
) -> None:
    in_state(installation.ledger, state)
    if has_lapsed:
        lapse(installation)
    reply = installation.ledger.begin("a@1", attempt, worker="v", at=NOW)
    assert reply.verdict is verdict


def test_worker_that_lost_its_lease_cannot_end_the_attempt_of_its_successor(
    installation: Installation,
) -> None:
    ledger = installation.ledger
    ledger.dispatch(a_run())
    paused = begun(ledger)
    lapse(installation)
    successor = begun(ledger)
    assert (paused.fence, successor.fence, successor.deliveries) == (1, 2, 2)
    assert ledger.end(paused, RunState.SUCCESS, at=NOW, output="late") is None
    assert ledger.renew([("a@1", paused.fence), ("a@1", successor.fence)]) == [
        LeaseState.GONE,
        LeaseState.HELD,
    ]
    assert ledger.interrupt(paused, at=NOW) is None
    ended = ledger.end(successor, RunState.SUCCESS, at=NOW, output="in time")
    assert ended is not None
    assert ended.output == "in time"
    assert ledger.renew([("a@1", successor.fence)]) == [LeaseState.GONE]


def test_caller_that_saw_a_run_wait_cannot_end_an_attempt_begun_since(installation: Installation) -> None:
    ledger = installation.ledger
    waiting = a_run()
    ledger.dispatch(waiting)
    begun(ledger)
    assert ledger.end(waiting, RunState.LOST, at=NOW) is None
    assert ledger.end(waiting, RunState.CANCELLED, at=NOW) is None


def test_fence_grows_over_all_attempts_and_deliveries_count_per_attempt(installation: Installation) -> None:
    ledger = installation.ledger
    ledger.dispatch(a_run())
    begun(ledger)
    lapse(installation)
    ledger.end(begun(ledger), RunState.RETRYING, at=NOW)
    third = begun(ledger, attempt=2)
    assert (third.fence, third.deliveries) == (3, 1)


def test_lease_of_a_claim_ends_by_the_servers_clock(installation: Installation) -> None:
    in_state(installation.ledger, RunState.RUNNING)
    seconds, _ = installation.client.time()
    ends = installation.client.zscore(redis_keys.LEASES, "a@1")
    assert ends is not None
    assert 50 < ends - seconds <= 61


def test_interrupted_attempt_begins_again_at_once(installation: Installation) -> None:
    ledger = installation.ledger
    cut_off = ledger.interrupt(in_state(ledger, RunState.RUNNING), at=NOW)
    assert cut_off is not None
    assert (cut_off.state, cut_off.reason) == ("interrupted", "its worker stopped")
    assert ledger.begin("a@1", 1, worker="v", at=NOW).verdict is BeginVerdict.BEGUN


def test_delivery_given_back_in_good_order_does_not_count_towards_poison(installation: Installation) -> None:
    ledger = installation.ledger
    ledger.dispatch(a_run())
    for _ in range(MOST_DELIVERIES + 2):
        run = begun(ledger)
        assert run.deliveries == 1
        ledger.interrupt(run, at=NOW)
    for _ in range(MOST_DELIVERIES):
        ledger.interrupt(begun(ledger), at=NOW, counts=True)
    assert ledger.begin("a@1", 1, worker="v", at=NOW).verdict is BeginVerdict.POISONED


def test_lease_is_renewed_only_for_the_worker_that_holds_it(installation: Installation) -> None:
    ledger = installation.ledger
    in_state(ledger, RunState.RUNNING)
    lapse(installation)
    assert ledger.renew([("a@1", None)], worker="another") == [LeaseState.GONE]
    assert ledger.renew([("a@1", None)], worker="w") == [LeaseState.HELD]
    assert ledger.begin("a@1", 1, worker="v", at=NOW).verdict is BeginVerdict.HELD


def test_attempt_that_never_ends_is_poisoned_after_the_most_deliveries(installation: Installation) -> None:
    ledger = installation.ledger
    ledger.dispatch(a_run())
    for _ in range(MOST_DELIVERIES):
        begun(ledger)
        lapse(installation)
    reply = ledger.begin("a@1", 1, worker="w", at=NOW)
    assert reply.verdict is BeginVerdict.POISONED
    assert reply.run is not None
    assert ledger.end(reply.run, RunState.LOST, at=NOW) is not None


def test_run_begins_only_for_its_own_handler(installation: Installation) -> None:
    ledger = installation.ledger
    ledger.dispatch(a_run())
    forged = ledger.begin("a@1", 1, worker="w", at=NOW, handler="handlers.other.run")
    assert forged.verdict is BeginVerdict.FOREIGN
    assert ledger.get("a@1") == a_run()
    assert ledger.begin("a@1", 1, worker="w", at=NOW, handler="handlers.hello.run").verdict == "begun"


@pytest.mark.parametrize("spec", ["", "{", "3", "{}"])
def test_overwritten_run_is_unreadable_and_does_not_begin(installation: Installation, spec: str) -> None:
    installation.client.hset(
        redis_keys.run("a@1"), mapping={"state": "dispatched", "spec": spec, "attempt": 0}
    )
    reply = installation.ledger.begin("a@1", 1, worker="w", at=NOW)
    assert (reply.verdict, reply.run) == (BeginVerdict.UNREADABLE, None)


def test_begun_attempt_learns_when_the_task_last_succeeded(installation: Installation) -> None:
    ledger = installation.ledger
    for number in (1, 2):
        ledger.dispatch(a_run(f"a@{number}"))
    reply = ledger.begin("a@1", 1, worker="w", at=NOW)
    assert reply.run is not None
    assert reply.last_success is None
    ledger.end(reply.run, RunState.SUCCESS, at=NOW)
    assert ledger.begin("a@2", 1, worker="w", at=NOW).last_success == NOW


def test_running_run_asked_to_stop_has_no_further_attempt(installation: Installation) -> None:
    ledger = installation.ledger
    assert not ledger.ask_to_cancel("a@1", "never mind")
    run = in_state(ledger, RunState.RUNNING)
    assert ledger.ask_to_cancel("a@1", "never mind")
    assert ledger.renew([("a@1", run.fence)]) == [LeaseState.CANCEL]
    ended = ledger.end(run, RunState.RETRYING, at=NOW, error="boom", retry_at=NOW)
    assert ended is not None
    assert (ended.state, ended.reason, ended.error) == (RunState.CANCELLED, "never mind", "boom")
    assert ledger.active_count() == 0


def test_run_stopped_on_request_has_the_reason_of_the_request(installation: Installation) -> None:
    ledger = installation.ledger
    run = in_state(ledger, RunState.RUNNING)
    ledger.ask_to_cancel("a@1", "never mind")
    ended = ledger.end(run, RunState.CANCELLED, at=NOW, reason="cancelled")
    assert ended is not None
    assert ended.reason == "never mind"


def test_run_asked_to_stop_whose_worker_died_does_not_begin_again(installation: Installation) -> None:
    ledger = installation.ledger
    in_state(ledger, RunState.RUNNING)
    ledger.ask_to_cancel("a@1", "never mind")
    lapse(installation)
    assert ledger.begin("a@1", 1, worker="w", at=NOW).verdict is BeginVerdict.CANCEL


def test_waiting_run_is_cancelled_unless_it_has_begun_since(installation: Installation) -> None:
    ledger = installation.ledger
    ledger.dispatch(a_run())
    begun(ledger)
    assert ledger.end(a_run(), RunState.CANCELLED, at=NOW, reason="never mind") is None
    ledger.dispatch(a_run("a@2"))
    cancelled = ledger.end(a_run("a@2"), RunState.CANCELLED, at=NOW, reason="never mind")
    assert cancelled is not None
    assert (cancelled.state, cancelled.reason) == (RunState.CANCELLED, "never mind")


def test_look_finds_lapsed_leases_and_waiting_runs(installation: Installation) -> None:
    ledger = installation.ledger
    for number in range(4):
        ledger.dispatch(a_run(f"a@{number}"))
    begun(ledger, "a@0")
    begun(ledger, "a@1")
    lapse(installation, "a@1")
    installation.client.zadd(redis_keys.PARKED, {"a@2": 1})
    found = ledger.lapses(entered_before=NOW)
    assert [run.execution_id for run in found.lapsed] == ["a@1"]
    assert [run.execution_id for run in found.waiting] == ["a@3"]
    assert found.looked_at == 4
    assert ledger.lapses(entered_before=NOW, pass_over=4).waiting == []
    assert ledger.lapses(entered_before=NOW - timedelta(seconds=1)).waiting == []


def test_message_resent_by_one_sweeper_is_refused_to_another(installation: Installation) -> None:
    ledger = installation.ledger
    ledger.dispatch(a_run())
    (waiting,) = ledger.lapses(entered_before=NOW).waiting
    assert ledger.mark_resent(waiting, at=NOW)
    assert not ledger.mark_resent(waiting, at=NOW)
    (waiting,) = ledger.lapses(entered_before=NOW).waiting
    assert (waiting.resends, waiting.resent_at) == (1, NOW)
    assert begun(ledger).resends == 0
