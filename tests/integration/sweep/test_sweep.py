"""The sweep on a real server and broker: what it sends again, what it ends, and what it costs.

This file has more than 250 lines because all its tests set up the same few runs, and look at the same queue.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

from beat.follow_up.parking import release_parked
from mission_control.dispatch.enqueue import Dispatch, RunOptions
from mission_control.installation.installation import Installation
from mission_control.messaging.message import send
from mission_control.model.runs.new_run import ad_hoc_run
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import MOST_DELIVERIES, RunState
from mission_control.store import redis_keys
from mission_control.sweep.late_records import LateRecords
from mission_control.sweep.sweep import Sweep
from tests.samples.ledger_runs import Later, lapse
from tests.stage.audit_stream import records_of

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLER = "handlers.hello.run"


@pytest.fixture
def clock(installation: Installation) -> Later:
    return Later(installation)


@pytest.fixture
def ours(installation: Installation, clock: Later) -> Iterator[Installation]:
    ours = Installation(installation.settings, clock=clock)
    yield ours
    ours.celery.close()
    ours.client.close()


def entered(ours: Installation, name: str, *, sends: bool = True, **fields: Any) -> RunRecord:
    now = ours.clock()
    run = ad_hoc_run(HANDLER, {}, ulid=name, at=now, now=now, queue="default")
    run = RunRecord(**{**{one: getattr(run, one) for one in run.__dataclass_fields__}, **fields})
    ours.ledger.dispatch(run)
    if sends:
        send(ours.celery, run)
    return run


def queued(ours: Installation, queue: str = "default") -> list[tuple[str, int]]:
    """Return run and attempt of the messages on a queue, those taken next first."""
    headers = [json.loads(text)["headers"] for text in ours.client.lrange(queue, 0, -1)]
    return [(one["id"], one["retries"] + 1) for one in reversed(headers)]


def begun(ours: Installation, run: RunRecord, attempt: int = 1) -> RunRecord:
    reply = ours.ledger.begin(run.execution_id, attempt, worker="w", at=ours.clock())
    assert reply.run is not None
    return reply.run


def test_run_whose_message_was_lost_is_sent_again_once(ours: Installation, clock: Later) -> None:
    lost, kept = entered(ours, "lost", sends=False), entered(ours, "kept")
    sweep = Sweep.of(ours.celery, ours)
    assert sweep.look() == 0
    clock.ahead = timedelta(seconds=16)
    assert sweep.look() == 1
    assert queued(ours) == [(kept.execution_id, 1), (lost.execution_id, 1)]
    assert sweep.look() == Sweep.of(ours.celery, ours).look() == 0


def test_flushed_queue_is_filled_again(ours: Installation, clock: Later) -> None:
    runs = [entered(ours, f"run{number}") for number in range(20)]
    ours.client.delete("default")
    clock.ahead = timedelta(seconds=16)
    assert Sweep.of(ours.celery, ours).look() == 20
    assert sorted(queued(ours)) == sorted((run.execution_id, 1) for run in runs)


def test_message_lost_repeatedly_is_sent_again_at_growing_intervals(ours: Installation, clock: Later) -> None:
    entered(ours, "cursed", sends=False)
    sweep = Sweep.of(ours.celery, ours)
    sent = []
    for second in range(0, 400, 5):
        clock.ahead = timedelta(seconds=second)
        if sweep.look():
            sent.append(second)
        ours.client.delete("default")
    assert sent == [15, 45, 105, 225]


def test_message_held_by_a_worker_or_parked_is_not_missed(ours: Installation, clock: Later) -> None:
    in_hand, parked = entered(ours, "in-hand"), entered(ours, "parked", sends=False)
    payload: Any = ours.client.rpop("default")
    ours.client.hset("unacked", "tag", f'[{payload}, "", "default"]')
    ours.client.zadd(redis_keys.PARKED, {parked.execution_id: 1})
    clock.ahead = timedelta(seconds=60)
    assert Sweep.of(ours.celery, ours).look() == 0
    ours.client.delete("unacked")
    assert Sweep.of(ours.celery, ours).look() == 1
    assert queued(ours) == [(in_hand.execution_id, 1)]


def test_message_in_a_long_queue_is_missed_only_once_overtaken(ours: Installation, clock: Later) -> None:
    lost = entered(ours, "lost", sends=False)
    before = [entered(ours, f"before{number}") for number in range(120)]
    clock.ahead = timedelta(seconds=30)
    after = [entered(ours, f"after{number}") for number in range(120)]
    sweep = Sweep.of(ours.celery, ours)
    assert sweep.look() == 0  # what is next is older: it may be further back
    for _ in before:
        ours.client.rpop("default")
    for run in before:
        ours.ledger.end(begun(ours, run), RunState.SUCCESS, at=ours.clock())
    assert sweep.look() == 1
    assert queued(ours)[-1] == (lost.execution_id, 1)
    assert len(queued(ours)) == len(after) + 1


def test_parked_run_released_behind_queued_messages_is_not_missed(ours: Installation, clock: Later) -> None:
    late = entered(ours, "late", sends=False)
    ours.client.zadd(redis_keys.PARKED, {late.execution_id: 1})
    ours.client.hset(redis_keys.PARKED_PAYLOADS, late.execution_id, msgpack.packb(["default", "{}"]))
    clock.ahead = timedelta(seconds=30)
    before = [entered(ours, f"before{number}") for number in range(120)]
    clock.ahead = timedelta(seconds=31)
    assert release_parked(ours.client, ours.clock()) == 1
    assert ours.client.llen("default") == len(before) + 1
    clock.ahead = timedelta(seconds=60)
    assert Sweep.of(ours.celery, ours).look() == 0


def test_retry_that_was_never_sent_is_sent(ours: Installation, clock: Later) -> None:
    run = entered(ours, "retried", sends=False)
    retry_at = ours.clock() + timedelta(seconds=300)
    ours.ledger.end(begun(ours, run), RunState.RETRYING, at=ours.clock(), retry_at=retry_at)
    clock.ahead = timedelta(seconds=310)
    assert Sweep.of(ours.celery, ours).look() == 0
    clock.ahead = timedelta(seconds=316)
    assert Sweep.of(ours.celery, ours).look() == 1
    assert queued(ours) == [(run.execution_id, 2)]


def test_run_not_started_in_time_expires_with_its_record(ours: Installation, clock: Later) -> None:
    run = entered(ours, "hasty", expires_at=ours.clock() + timedelta(seconds=5))
    clock.ahead = timedelta(seconds=21)
    assert Sweep.of(ours.celery, ours).look() == 1
    (record,) = records_of(ours, HANDLER)
    assert (record["status"], record["final"], record["execution_id"]) == ("expired", True, run.execution_id)


def test_attempt_with_lapsed_lease_is_delivered_again_after_a_second_look(ours: Installation) -> None:
    run = entered(ours, "orphan", sends=False)
    begun(ours, run)
    lapse(ours, run.execution_id)
    sweep = Sweep.of(ours.celery, ours)
    assert [sweep.look(), sweep.look(), sweep.look()] == [0, 1, 0]
    assert queued(ours) == [(run.execution_id, 1)]
    assert ours.ledger.active()[0].state == "interrupted"
    (record,) = records_of(ours, HANDLER)
    assert (record["status"], record["final"], record["delivery"]) == ("worker_lost", False, 1)
    assert begun(ours, run).deliveries == 2


def test_holder_that_renews_before_the_second_look_keeps_its_attempt(ours: Installation) -> None:
    holder = begun(ours, entered(ours, "slow", sends=False))
    lapse(ours, holder.execution_id)
    sweep = Sweep.of(ours.celery, ours)
    assert sweep.look() == 0
    ours.ledger.renew([(holder.execution_id, holder.fence)])
    assert sweep.look() == 0
    assert ours.ledger.end(holder, RunState.SUCCESS, at=ours.clock()) is not None


def test_poison_run_ends_lost_with_one_record(ours: Installation) -> None:
    run = entered(ours, "poison", sends=False)
    for _ in range(MOST_DELIVERIES):
        begun(ours, run)
        lapse(ours, run.execution_id)
    sweep = Sweep.of(ours.celery, ours)
    assert [sweep.look(), sweep.look(), sweep.look()] == [0, 1, 0]
    (record,) = records_of(ours, HANDLER)
    assert (record["status"], record["final"], record["reason"]) == ("lost", True, "poisoned")
    assert queued(ours) == []


def test_orphaned_attempt_past_its_timeout_times_out_and_is_retried(ours: Installation, clock: Later) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 0}
    run = entered(ours, "endless", sends=False, timeout_seconds=5.0, retry_policy=policy)
    sweep = Sweep.of(ours.celery, ours)
    begun(ours, run)
    lapse(ours, run.execution_id)
    clock.ahead = timedelta(seconds=20)
    assert [sweep.look(), sweep.look()] == [0, 1]
    assert queued(ours) == [(run.execution_id, 2)]
    begun(ours, run, attempt=2)
    lapse(ours, run.execution_id)
    clock.ahead = timedelta(seconds=40)
    assert [sweep.look(), sweep.look()] == [0, 1]
    statuses = [(one["status"], one["reason"]) for one in records_of(ours, HANDLER)]
    assert statuses == [("retry", "timed_out"), ("timed_out", "timed_out")]


def test_several_sweeps_take_a_run_up_once(ours: Installation, clock: Later) -> None:
    entered(ours, "lost", sends=False)
    begun(ours, run := entered(ours, "orphan", sends=False))
    lapse(ours, run.execution_id)
    clock.ahead = timedelta(seconds=16)
    sweeps = [Sweep.of(ours.celery, ours) for _ in range(3)]
    assert sum(sweep.look() for _ in range(2) for sweep in sweeps) == 2
    assert len(queued(ours)) == 2


def test_overwritten_run_does_not_stop_the_others(ours: Installation, clock: Later) -> None:
    broken, lost = entered(ours, "broken", sends=False), entered(ours, "lost", sends=False)
    ours.client.hset(redis_keys.run(broken.execution_id), "spec", "[]")
    clock.ahead = timedelta(seconds=16)
    assert Sweep.of(ours.celery, ours).look() == 1
    assert queued(ours) == [(lost.execution_id, 1)]


@pytest.mark.parametrize("is_lapsed", [False, True])
def test_spoilt_runs_are_logged_once_and_do_not_stop_other_runs(
    ours: Installation, clock: Later, caplog: pytest.LogCaptureFixture, is_lapsed: bool
) -> None:
    spoilt = [entered(ours, f"spoilt{number}", sends=False) for number in range(4)]
    good = entered(ours, "good", sends=False)
    for run in [*spoilt, good] if is_lapsed else []:
        begun(ours, run)
        lapse(ours, run.execution_id)
    keys = [redis_keys.run(run.execution_id) for run in spoilt]
    rich: Any = json.loads(str(ours.client.hget(keys[3], "spec")))
    ours.client.set(keys[0], "no hash")
    ours.client.hset(keys[1], "spec", "{}")
    ours.client.hset(keys[2], "attempt", "first")
    ours.client.set("blocked", "no list")
    ours.client.hset(keys[3], "spec", json.dumps({**rich, "queue": "blocked"}))
    clock.ahead = timedelta(seconds=16)
    sweep = Sweep.of(ours.celery, ours)
    assert sum(sweep.look() for _ in range(2)) == 1
    assert queued(ours) == [(good.execution_id, 1)]
    for run in spoilt:
        assert caplog.text.count(f"execution_id={run.execution_id}") == 1


def test_run_with_an_invalid_retry_policy_does_not_stop_other_runs(ours: Installation, clock: Later) -> None:
    fields: dict[str, Any] = {"sends": False, "timeout_seconds": 1.0}
    spoilt = entered(ours, "spoilt", retry_policy={"max_retries": "many"}, **fields)
    good = entered(ours, "good", retry_policy={"max_retries": 0}, **fields)
    for run in (spoilt, good):
        begun(ours, run)
        lapse(ours, run.execution_id)
    clock.ahead = timedelta(seconds=60)
    sweep = Sweep.of(ours.celery, ours)
    assert [sweep.look(), sweep.look()] == [0, 1]
    assert [one["status"] for one in records_of(ours, HANDLER)] == ["timed_out"]


def test_unexpected_error_ends_nothing(
    ours: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> int:
        raise KeyError("spec")

    monkeypatch.setattr(LateRecords, "write", fail)
    assert Sweep.of(ours.celery, ours).turn() == 0
    assert "event=sweep_failed error=KeyError: 'spec'" in caplog.text


def test_look_with_nothing_wrong_costs_one_command(ours: Installation) -> None:
    sweep = Sweep.of(ours.celery, ours)
    for number in range(50):
        entered(ours, f"run{number}")
        begun(ours, entered(ours, f"running{number}"))
    sweep.look()
    ours.client.config_resetstat()
    sweep.look()
    stats: Any = ours.client.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()}
    assert calls.get("evalsha") == 1
    assert "eval" not in calls


def test_trouble_with_the_broker_is_waited_out(
    ours: Installation, clock: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered(ours, "lost", sends=False)
    clock.ahead = timedelta(seconds=16)
    sweep = Sweep.of(ours.celery, ours)

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError("refused")

    with monkeypatch.context() as patch:
        patch.setattr(ours.celery, "connection_for_write", refuse)
        assert sweep.turn() == 0
    assert sweep.look() == 1


def test_enqueued_run_before_its_due_time_is_not_resent(ours: Installation, clock: Later) -> None:
    Dispatch.of(ours).enqueue(HANDLER, options=RunOptions(delay=600))
    clock.ahead = timedelta(seconds=590)
    assert Sweep.of(ours.celery, ours).look() == 0
