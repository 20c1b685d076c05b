"""A run that is read back from its hash."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mission_control.model.runs.run_record import RunRecord
from tests.samples.ledger_runs import a_run


def test_run_that_is_read_back_equals_the_one_that_was_written() -> None:
    run = replace(a_run(), params={"name": "Ada"}, limits=[["gpu", 2]], attempt=3)
    assert RunRecord.from_hash(run.to_hash()) == run


def test_runs_that_are_read_back_without_params_share_none() -> None:
    stored = a_run().to_hash()
    stored["spec"] = stored["spec"].replace('"params":', '"unknown":')
    first, second = RunRecord.from_hash(stored), RunRecord.from_hash(stored)
    assert first.params == second.params == {}
    assert first.params is not second.params


def test_hash_that_lacks_a_field_of_every_run_names_it() -> None:
    stored = a_run().to_hash()
    stored["spec"] = stored["spec"].replace('"handler":', '"unknown":')
    with pytest.raises(TypeError, match="'handler'"):
        RunRecord.from_hash(stored)
