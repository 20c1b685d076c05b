"""A record whose process died is written by the sweep of the leading beat."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mission_control.dispatch.run_ending import RunEnding
from mission_control.installation.installation import create_app
from mission_control.model.runs.new_run import ad_hoc_run
from mission_control.scheduler import in_process
from mission_control.store import redis_keys
from mission_control.sweep.sweep import Sweep
from tests.stage.audit_stream import final_records_of

if TYPE_CHECKING:
    import pytest

    from mission_control.installation.installation import Installation

HELLO = "handlers.hello.run"


def test_sweep_writes_the_record_of_a_process_that_died(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunEnding, "record", lambda *_, **__: None)  # it dies before the record
    now = installation.clock()
    run = ad_hoc_run(HELLO, {}, ulid="01K7PHQ5T0ZJ3G5K1M9QX2R4S6", at=now, now=now, queue="default")
    installation.ledger.dispatch(run)
    in_process(installation).run(run)
    assert final_records_of(installation, HELLO) == []
    _let_pending_records_age(installation)

    Sweep.of(create_app("sweep", lambda: installation), installation).look()

    (record,) = final_records_of(installation, HELLO)
    assert record["execution_id"] == run.execution_id
    assert record["status"] == "success"
    assert record["repaired"] is True
    assert installation.client.hlen(redis_keys.PENDING_RECORDS) == 0


def _let_pending_records_age(installation: Installation) -> None:
    for identity, text in installation.client.hgetall(redis_keys.PENDING_RECORDS).items():
        since, *rest = json.loads(text)
        aged = json.dumps([float(since) - 60, *rest])
        installation.client.hset(redis_keys.PENDING_RECORDS, identity, aged)
