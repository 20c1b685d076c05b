"""`context["once"]`: what a handler may rely on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.run_state import RunState
from tests.samples.ledger_runs import NOW, a_run, begun, lapse
from workers.call.context_calls import Once, OnceHere

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


def test_once_is_true_for_the_first_attempt_and_false_for_later_ones(installation: Installation) -> None:
    ledger = installation.ledger
    ledger.dispatch(a_run())
    first = Once(ledger, begun(ledger))
    assert [first("posted"), first("posted"), first("mailed")] == [True, False, True]
    lapse(installation)
    successor = Once(ledger, begun(ledger))
    assert [successor("posted"), first("charged"), successor("charged")] == [False, False, True]


def test_forgotten_key_is_true_again(installation: Installation) -> None:
    ledger = installation.ledger
    ledger.dispatch(a_run())
    once = Once(ledger, begun(ledger))
    assert once("posted")
    once.forget("posted")
    assert once("posted")


def test_mark_expires_with_its_run(installation: Installation) -> None:
    ledger = installation.ledger
    ledger.dispatch(a_run())
    run = begun(ledger)
    Once(ledger, run)("posted")
    ledger.end(run, RunState.SUCCESS, at=NOW)
    keys = sorted(str(key) for key in installation.client.scan_iter("mc:*a@1*"))
    assert keys == ["mc:once:a@1", "mc:run:a@1"]
    assert installation.client.ttl("mc:once:a@1") == installation.client.ttl("mc:run:a@1") > 0


def test_mark_is_deleted_with_a_run_beyond_retention(installation: Installation) -> None:
    ledger = Ledger(installation.client, retention=timedelta(days=1), max_runs=1)
    for number in (1, 2):
        ledger.dispatch(a_run(f"a@{number}"))
        run = begun(ledger, f"a@{number}")
        Once(ledger, run)("posted")
        ledger.end(run, RunState.SUCCESS, at=NOW)
    keys = sorted(str(key) for key in installation.client.scan_iter("mc:*a@*"))
    assert keys == ["mc:once:a@2", "mc:run:a@2"]


@pytest.mark.parametrize("key", ["", "x" * 201, 3, None])
def test_invalid_key_is_refused(key: Any) -> None:
    with pytest.raises(ValueError, match="names the effect"):
        OnceHere()(key)
