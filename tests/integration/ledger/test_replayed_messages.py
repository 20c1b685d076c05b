"""Thousands of replays: a genuine, signed message that comes again begins nothing."""

from __future__ import annotations

import os
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.ledger.claims import BeginVerdict
from mission_control.ledger.ledger import Ledger
from mission_control.messaging.transport.message_signature import check_signature
from mission_control.model.runs.run_state import RunState
from mission_control.store.redis_keys import RedBeatKeys
from tests.properties.test_forged_messages import KEYRING, NOW, signed
from tests.samples.ledger_runs import a_run, begun

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

REPLAYS = int(os.environ.get("REPLAYS", "1000"))
ENDS = [None, RunState.SUCCESS, RunState.FAILURE, RunState.RETRYING, RunState.CANCELLED]


@pytest.fixture
def ledger(installation: Installation) -> Ledger:
    """A ledger of signed runs, 20 of which have begun and then taken different ways."""
    ledger = Ledger(
        installation.client,
        retention=timedelta(days=30),
        max_runs=1_000,
        lease=timedelta(hours=1),
        redbeat_keys=RedBeatKeys("redbeat:"),
        keyring=KEYRING,
    )
    for number in range(20):
        ledger.dispatch(a_run(execution_id_of(signed(number))))
        run = begun(ledger, execution_id_of(signed(number)))
        if (state := ENDS[number % len(ENDS)]) is not None:
            assert ledger.end(run, state, at=NOW) is not None
    return ledger


def execution_id_of(message: dict[str, Any]) -> str:
    return str(message["headers"]["id"])


def test_no_replay_begins_an_attempt(ledger: Ledger) -> None:
    chance = random.Random(7)  # the same replays each time
    genuine = [signed(number) for number in range(20)]
    verdicts = set()
    for _ in range(REPLAYS):
        replayed = chance.choice(genuine)
        replayed["properties"]["delivery_tag"] = f"another-{chance.random()}"
        replayed["headers"]["redelivered"] = chance.choice([True, False])
        now = (NOW + timedelta(days=chance.uniform(0, 29))).timestamp()
        check_signature(replayed, "default", KEYRING, now, NOW.timestamp)  # the door lets it pass
        attempt = replayed["headers"]["retries"] + 1
        reply = ledger.begin(
            execution_id_of(replayed), attempt, worker="w2", at=NOW, handler=replayed["headers"]["task"]
        )
        verdicts.add(reply.verdict)

    assert verdicts == {BeginVerdict.HELD, BeginVerdict.FINISHED, BeginVerdict.STALE}
