"""A pipeline with a real beat and a real worker, both of which are killed in the middle of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.model.runs.run_state import RunState
from tests.processes.beats import leading_beat
from tests.processes.real_workers import WorkerHouse, worker_house
from tests.stage.audit_stream import final_records_of
from tests.stage.live_installation import YEARLY
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.model.runs.run_record import RunRecord

pytestmark = pytest.mark.starts_early

ROOTS = 5
TASKS = ("s", "a", "b", "d", "bad", "skipped", "alarm")


def register(house: WorkerHouse) -> None:
    """Register a diamond below `s`, and a branch that fails."""

    def task(task_id: str, handler: str, *after: Any, **more: Any) -> None:
        own = {"after": [one if isinstance(one, dict) else {"task": one} for one in after]}
        timing = own if after else {"schedule": YEARLY}
        definition = {
            "id": task_id,
            "handler": f"handlers.{handler}.run",
            "overlap": "allow",
            **timing,
            **more,
        }
        assert house.installation.registry.register(definition)

    gate = {"params": {"gate": str(house.gate("s"))}}
    task("s", "gated", **gate)
    task("a", "flaky", "s", retry_policy={"max_retries": 2, "retry_delay_seconds": 0})
    task("b", "gated", "s", **gate)
    task("d", "gated", "a", "b", params={"gate": str(house.gate("d"))})
    task("bad", "flaky", "s", retry_policy={"max_retries": 0})
    task("skipped", "gated", "bad", **gate)
    task("alarm", "gated", {"task": "skipped", "on": "any"}, **gate)


def runs_of(house: WorkerHouse, task_id: str) -> list[RunRecord]:
    return house.installation.ledger.runs_of(task_id, limit=100)


def over(house: WorkerHouse, task_id: str) -> int:
    return sum(run.state.is_final for run in runs_of(house, task_id))


def test_each_run_of_a_pipeline_happens_once_though_beat_and_worker_are_killed() -> None:
    with worker_house() as house:
        register(house)
        with house.worker("first", concurrency=3) as first:
            with leading_beat(house.installation) as beat:
                roots = [house.run("s").execution_id for _ in range(ROOTS)]
                wait_until(lambda: house.runs_of("s") > 0, "a root runs", timeout=30)
                house.gate("s").touch()
                wait_until(lambda: house.runs_of("d") > 0, "a joined run runs", timeout=60)
                beat.kill()
            first.kill()
        house.gate("d").touch()
        with leading_beat(house.installation), house.worker("second", concurrency=3):
            for task_id in TASKS:
                wait_until(
                    lambda: over(house, task_id) == ROOTS,  # noqa: B023
                    f"all of {task_id} have ended",
                    timeout=90,
                )
            check(house, roots)


def check(house: WorkerHouse, roots: list[str]) -> None:
    """Check that each task has one run and one final record for each root, with the true cause."""
    for task_id in TASKS:
        runs = runs_of(house, task_id)
        assert Counter(run.root or run.execution_id for run in runs) == Counter(roots)
        wait_until(
            lambda: len(final_records_of(house.installation, task_id)) == ROOTS,  # noqa: B023
            f"the records of {task_id} are written",
        )
        expected = {"bad": RunState.FAILURE, "skipped": RunState.SKIPPED}.get(task_id, RunState.SUCCESS)
        assert {run.state for run in runs} == {expected}, task_id
    for run in runs_of(house, "skipped"):
        assert run.cause is not None
        assert run.cause["outcome"] == "failure"
        assert run.cause["run"].startswith("bad@after-manual-")
