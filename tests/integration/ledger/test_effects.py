"""Effects that a run marks, to have each once: however many, they are no burden to the run itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.samples.ledger_runs import NOW, a_run, begun, in_state, lapse

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


def test_effect_is_marked_once_over_all_attempts_until_it_is_forgotten(installation: Installation) -> None:
    ledger = installation.ledger
    ledger.dispatch(a_run())
    first = begun(ledger)
    assert [ledger.mark_once(first, key) for key in ("mail", "mail", "post")] == [True, False, True]
    ledger.end(first, RunState.RETRYING, at=NOW)
    second = begun(ledger, attempt=2)
    assert not ledger.mark_once(second, "mail")
    assert ledger.forget_once(second, "mail")
    assert not ledger.mark_once(first, "mail")  # a stale attempt brings nothing about
    assert ledger.mark_once(second, "mail")


def test_run_with_ten_thousand_effects_is_taken_over_and_ended_like_any_other(
    installation: Installation,
) -> None:
    ledger, client = installation.ledger, installation.client
    ledger.dispatch(a_run())
    lost = begun(ledger)
    assert ledger.mark_once(lost, "mail")
    client.sadd(redis_keys.effects("a@1"), *(f"mail:{number}" for number in range(10_000)))
    lapse(installation)
    successor = begun(ledger)
    assert not ledger.mark_once(successor, "mail:9999")
    assert ledger.end(successor, RunState.RETRYING, at=NOW) is not None
    assert ledger.end(begun(ledger, attempt=2), RunState.SUCCESS, at=NOW) is not None
    pending: Any = client.hgetall(redis_keys.PENDING_RECORDS)
    assert sorted(pending) == ["1:0.1:a@1", "1:0:a@1", "2:1:a@1"]
    assert max(map(len, pending.values())) < 1_000


def test_pending_record_has_only_the_fields_of_a_record(installation: Installation) -> None:
    in_state(installation.ledger, RunState.RUNNING)
    others = {f"field{number}": "x" for number in range(10_000)}
    installation.client.hset(redis_keys.run("a@1"), mapping=others)  # type: ignore[arg-type]
    lapse(installation)
    assert installation.ledger.end(begun(installation.ledger), RunState.SUCCESS, at=NOW) is not None
    pending: Any = installation.client.hgetall(redis_keys.PENDING_RECORDS)
    assert sorted(pending) == ["1:0.1:a@1", "1:1:a@1"]
    assert "field1" not in "".join(pending.values())
