"""The ledger's transitions on a real server: what they move, and what they refuse."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import ResponseError

from mission_control.audit.endings import ending_record
from mission_control.ledger.claims import BeginVerdict
from mission_control.ledger.ledger import Ledger
from mission_control.ledger.run_requests import Answer, RunRequest
from mission_control.model.runs.run_state import FINAL_STATES, TRANSITIONS, RunState
from mission_control.store import redis_keys
from tests.samples.ledger_runs import NOW, a_run, begun, in_state

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


@pytest.mark.parametrize("after", sorted(RunState))
@pytest.mark.parametrize("before", sorted(set(RunState) - {RunState.SKIPPED, RunState.MISSED}))
def test_ledger_allows_exactly_the_transitions_of_the_table(
    installation: Installation, before: RunState, after: RunState
) -> None:
    if after in {RunState.RUNNING, RunState.DISPATCHED}:
        return  # reached by begin() and dispatch() only
    ledger = installation.ledger
    run = in_state(ledger, before)
    moved = ledger.end(run, after, at=NOW)
    assert (moved is not None) == (after in TRANSITIONS[before])
    stored = ledger.get("a@1")
    assert stored is not None
    assert stored.state is (after if moved is not None else before)
    assert ledger.active_count() == (0 if stored.state in FINAL_STATES else 1)


def test_run_is_entered_once(installation: Installation) -> None:
    assert installation.ledger.dispatch(a_run())
    assert not installation.ledger.dispatch(a_run(handler="handlers.other.run"))
    assert installation.ledger.get("a@1") == a_run()


def test_repeated_idempotency_key_returns_its_first_run(installation: Installation) -> None:
    ledger = installation.ledger

    def keyed(execution_id: str, asked: str) -> RunRequest:
        return RunRequest.of(a_run(execution_id))._replace(idempotency_key="key", fingerprint=asked)

    assert ledger.enter([keyed("a@1", "one")]) == [(Answer.ENTERED, "", "")]
    assert ledger.enter([keyed("a@2", "two")]) == [(Answer.KEY, "a@1 one", "")]
    assert ledger.get("a@2") is None
    ledger.forget_key("key")
    assert ledger.enter([keyed("a@2", "two"), keyed("a@3", "two")]) == [
        (Answer.ENTERED, "", ""),
        (Answer.KEY, "a@2 two", ""),
    ]


@pytest.mark.parametrize("state", [RunState.SUCCESS, RunState.CANCELLED, RunState.LOST, RunState.RETRYING])
def test_attempt_that_ended_in_any_way_has_its_duration(installation: Installation, state: RunState) -> None:
    ledger, at = installation.ledger, NOW + timedelta(seconds=3)
    ledger.dispatch(a_run())
    running = begun(ledger)
    assert ending_record(running, at=at).duration_ms == 3_000  # its worker is lost
    ended = ledger.end(running, state, at=at)
    assert ended is not None
    assert ended.duration_ms == 3_000


def test_run_that_was_never_entered_is_unknown(installation: Installation) -> None:
    reply = installation.ledger.begin("a@1", 1, worker="w", at=NOW)
    assert (reply.verdict, reply.run) == (BeginVerdict.UNKNOWN, None)


def test_ending_of_an_earlier_attempt_is_refused(installation: Installation) -> None:
    ledger = installation.ledger
    ledger.dispatch(a_run())
    first = begun(ledger)
    ledger.end(first, RunState.RETRYING, at=NOW)
    begun(ledger, attempt=2)
    assert ledger.end(first, RunState.SUCCESS, at=NOW) is None


def test_new_attempt_shows_nothing_of_the_one_before_it(installation: Installation) -> None:
    ledger = installation.ledger
    ledger.dispatch(a_run())
    left: dict[str, Any] = {
        "output": "half",
        "error": "boom",
        "reason": "timed_out",
        "duration_ms": 7,
        "retry_at": NOW,
    }
    ledger.end(begun(ledger), RunState.RETRYING, at=NOW, **left)
    second = begun(ledger, attempt=2)
    assert [getattr(second, name) for name in left] == [None] * len(left)
    ended = ledger.end(second, RunState.SUCCESS, at=NOW)
    assert ended is not None
    assert ended.output is None


def test_history_counts_runs_not_attempts(installation: Installation) -> None:
    ledger = installation.ledger
    ends = [RunState.FAILURE, RunState.TIMED_OUT, RunState.LOST, RunState.SUCCESS, RunState.FAILURE]
    for number, state in enumerate(ends):
        ledger.dispatch(a_run(f"a@{number}"))
        ledger.end(begun(ledger, f"a@{number}"), RunState.RETRYING, at=NOW)
        ledger.end(begun(ledger, f"a@{number}", attempt=2), state, at=NOW + timedelta(seconds=number))
    ledger.dispatch(a_run("a@9"))
    ledger.end(a_run("a@9"), RunState.CANCELLED, at=NOW)
    history = ledger.history("a")
    assert (history.total_runs, history.success_count, history.failure_count) == (5, 1, 4)
    assert history.consecutive_failures == 1
    assert history.last_run == NOW
    assert history.last_success == NOW + timedelta(seconds=3)


def test_task_retains_the_configured_number_of_runs_and_all_active_ones(installation: Installation) -> None:
    ledger = Ledger(installation.client, retention=timedelta(days=1), max_runs=3)
    for number in range(6):
        at = NOW + timedelta(minutes=number)
        ledger.dispatch(a_run(f"a@{number}", scheduled_time=at))
        if number > 0:
            ledger.end(begun(ledger, f"a@{number}"), RunState.SUCCESS, at=at)
    assert [run.execution_id for run in ledger.runs_of("a")] == ["a@5", "a@4", "a@3", "a@0"]
    assert [run.execution_id for run in ledger.finished_since(NOW)] == ["a@3", "a@4", "a@5"]
    assert [run.execution_id for run in ledger.active()] == ["a@0"]


def test_run_dropped_at_its_end_is_ended_and_has_a_pending_record(installation: Installation) -> None:
    ledger = Ledger(installation.client, retention=timedelta(days=1), max_runs=1)
    ledger.dispatch(a_run("a@1"))
    ledger.dispatch(a_run("a@2", scheduled_time=NOW + timedelta(minutes=1)))
    ended = ledger.end(begun(ledger, "a@1"), RunState.SUCCESS, at=NOW, output="done")
    assert ended is not None
    assert (ended.state, ended.output) == (RunState.SUCCESS, "done")
    assert ledger.get("a@1") is None
    (record,) = installation.client.hvals(redis_keys.PENDING_RECORDS)
    assert "done" in str(record)


@pytest.mark.parametrize(
    "key", [redis_keys.FINISHED_RUNS, redis_keys.task_runs("a"), redis_keys.history("a"), redis_keys.LEASES]
)
def test_end_that_finds_a_key_of_a_wrong_type_changes_nothing(installation: Installation, key: str) -> None:
    ledger, client = installation.ledger, installation.client
    run = in_state(ledger, RunState.RUNNING)
    client.delete(key)
    client.set(key, "written over")
    before = client.hgetall(redis_keys.run("a@1"))
    with pytest.raises(ResponseError, match=f"WRONGTYPE {key} is a string"):
        ledger.end(run, RunState.SUCCESS, at=NOW)
    assert client.hgetall(redis_keys.run("a@1")) == before
    assert not client.exists(redis_keys.PENDING_RECORDS)
    client.delete(key)
    assert ledger.end(run, RunState.SUCCESS, at=NOW) is not None


def test_begin_that_finds_a_key_of_a_wrong_type_changes_nothing(installation: Installation) -> None:
    ledger, client = installation.ledger, installation.client
    in_state(ledger, RunState.DISPATCHED)
    client.set(redis_keys.history("a"), "written over")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        ledger.begin("a@1", 1, worker="w", at=NOW)
    client.delete(redis_keys.history("a"))
    assert begun(ledger).fence == 1


def test_keys_of_an_unregistered_task_expire_with_the_retention(installation: Installation) -> None:
    ledger, client = installation.ledger, installation.client
    ledger.dispatch(a_run())
    ledger.end(begun(ledger), RunState.SUCCESS, at=NOW)
    for key in (redis_keys.run("a@1"), redis_keys.task_runs("a"), redis_keys.history("a")):
        assert 0 < client.ttl(key) <= installation.settings.retention.total_seconds()


def test_attempt_is_interrupted_once(installation: Installation) -> None:
    ledger = installation.ledger
    run = in_state(ledger, RunState.RUNNING)
    assert [ledger.interrupt(run, at=NOW) is None, ledger.interrupt(run, at=NOW) is None] == [False, True]
    assert begun(ledger).deliveries == 1


def test_index_of_a_tasks_runs_lasts_while_one_of_them_is_active(installation: Installation) -> None:
    ledger, client = installation.ledger, installation.client
    key = redis_keys.task_runs("a")

    def ends(number: int) -> None:
        ledger.end(begun(ledger, f"a@{number}"), RunState.SUCCESS, at=NOW)

    for number in range(3):
        ledger.dispatch(a_run(f"a@{number}"))
    ends(0)
    assert client.ttl(key) == -1
    ends(1)
    ends(2)
    assert client.ttl(key) > 0
    ledger.dispatch(a_run("a@3"))
    assert client.ttl(key) == -1
    client.delete(key)
    ends(3)
    assert [run.execution_id for run in ledger.runs_of("a")] == ["a@3"]
    assert client.ttl(key) > 0


def test_end_of_a_run_sets_the_next_due_instant_only_if_there_is_none(installation: Installation) -> None:
    ledger, client = installation.ledger, installation.client
    entry = redis_keys.DEFAULT_REDBEAT_KEYS.entry("a")
    for number, (is_registered, due_before, due_after) in enumerate(
        [(False, None, None), (True, None, 50.5), (True, 70.0, 70.0)]
    ):
        client.flushall()
        if is_registered:
            client.hset(entry, mapping={"task": "{}", "revision": 1})
        if due_before is not None:
            client.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {entry: due_before})
        ledger.dispatch(a_run(f"a@{number}"))
        ledger.end(begun(ledger, f"a@{number}"), RunState.SUCCESS, at=NOW, next_due=50.5)
        assert client.zscore(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, entry) == due_after
