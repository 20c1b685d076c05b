"""`mission-control run …`: what an operator can do with one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mission_control.store import redis_keys
from tests.samples.ledger_runs import begun
from tests.stage.audit_stream import records_of
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

HELLO = "handlers.hello.run"


def enqueued(*args: str) -> str:
    return mc("enqueue", HELLO, *args).out.strip()


def listed(*args: str) -> list[str]:
    return [run["execution_id"] for run in mc("run", "list", "--json", *args).json]


def test_run_list_shows_waiting_runs_and_ended_ones_with_all(installation: Installation) -> None:
    first, second = enqueued(), enqueued("--delay", "86400")
    assert listed() == [first, second]
    assert "due in 23 h" in mc("run", "list").out or "due in 1 d" in mc("run", "list").out
    mc("run", "cancel", first)
    assert listed() == [second]
    assert listed("--all") == [second, first]
    assert installation.ledger.active_count() == 1


@pytest.mark.usefixtures("installation")
def test_run_list_without_runs_says_so() -> None:
    assert "no run is waiting or running" in mc("run", "list").err
    assert listed() == []


def test_run_show_hides_params(installation: Installation) -> None:
    run = enqueued("--params", '{"name": "very secret"}')
    shown = mc("run", "show", run)
    assert (shown.code, run in shown.out, "very secret" in shown.out) == (0, True, False)
    assert mc("run", "show", run, "--json").json["state"] == "dispatched"
    assert installation.ledger.get(run) is not None


def test_cancelled_parked_run_loses_its_message_and_is_recorded_once(installation: Installation) -> None:
    run = enqueued("--delay", "86400")
    assert installation.client.zscore(redis_keys.PARKED, run) is not None
    assert mc("run", "cancel", run, "--dry-run").code == 0
    assert listed() == [run]
    answer = mc("run", "cancel", run, "--reason", "changed my mind")
    assert (answer.code, answer.err) == (0, f"{run}: cancelled\n")
    assert installation.client.exists(redis_keys.PARKED, redis_keys.PARKED_PAYLOADS) == 0
    (record,) = records_of(installation, HELLO)
    assert (record["status"], record["reason"], record["final"]) == ("cancelled", "changed my mind", True)
    again = mc("run", "cancel", run)
    assert (again.code, again.err) == (4, f"{run} has already ended: cancelled\n")
    assert len(records_of(installation, HELLO)) == 1


def test_reason_of_a_cancelled_run_is_kept_without_secrets_and_bounded(installation: Installation) -> None:
    waits, runs = enqueued("--delay", "86400"), enqueued()
    begun(installation.ledger, runs)
    for run in (waits, runs):
        mc("run", "cancel", run, "--reason", f"token=abc123 is leaked {'x' * 5_000}")

    kept = [mc("run", "show", waits, "--json").json["reason"]]
    kept.append(mc("run", "show", runs, "--json").json["cancel_requested"])
    assert all(reason.startswith("token=*** is leaked") and len(reason) < 1_000 for reason in kept)
    assert "abc123" not in str(installation.client.hgetall(redis_keys.run(waits)))


def test_cancelled_running_run_is_asked_to_stop(installation: Installation) -> None:
    run = enqueued()
    begun(installation.ledger, run)
    answer = mc("run", "cancel", run)
    assert (answer.code, answer.err) == (0, f"{run}: asked to stop\n")
    assert mc("run", "show", run, "--json").json["cancel_requested"] == "cancelled by hand"
    assert mc("run", "retry", run).code == 4


def test_retried_finished_run_is_repeated_as_a_new_run(installation: Installation) -> None:
    run = enqueued("--params", '{"name": "Ada"}')
    mc("run", "cancel", run)
    again = mc("run", "retry", run).out.strip()
    assert again != run
    record = installation.ledger.get(again)
    assert record is not None
    assert (record.state, record.params, record.attempt) == ("dispatched", {"name": "Ada"}, 0)


def test_retried_waiting_run_is_sent_now(installation: Installation) -> None:
    run = enqueued("--delay", "86400")
    assert installation.client.llen("default") == 0
    assert mc("run", "retry", run).out == f"{run}\n"
    assert installation.client.llen("default") == 1
    assert installation.client.exists(redis_keys.PARKED) == 0


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize("verb", ["show", "cancel", "retry"])
def test_unknown_run_is_not_found(verb: str) -> None:
    answer: Any = mc("run", verb, "gone@1")
    assert answer.code == 3
    assert "the ledger has no run 'gone@1'" in answer.err
