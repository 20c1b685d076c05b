"""A budget with a real beat and real workers, one of which is killed while its runs have spent a part."""

from __future__ import annotations

from datetime import UTC, datetime
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from mission_control.model.runs.run_state import ACTIVE_STATES, RunState
from mission_control.operate.budgets import Standing, standings
from mission_control.store import redis_keys
from tests.processes.beats import leading_beat
from tests.processes.real_workers import WorkerHouse, worker_house
from tests.stage.audit_stream import final_records_of
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.model.runs.run_record import RunRecord

pytestmark = pytest.mark.starts_early

DOLLAR = 1_000_000_000
SPENDS = '''
    """A handler that spends two dimes, and waits between them until it is let go."""
    import time
    from pathlib import Path


    def run(context):
        """Spend, and write down that it was spent."""
        gate = Path(context["params"]["gate"])
        for _ in range(2):
            with gate.with_suffix(".spent").open("a") as spent:
                spent.write(".")
            context["spend"](usd=0.1, tokens=7)
            while not gate.exists():
                time.sleep(0.02)
        return {"status": "success", "output": "spent", "error": None}
'''


def task(house: WorkerHouse) -> dict[str, object]:
    """Return a task that is due every second, and spends of the budget."""
    return {
        "id": "agent",
        "overlap": "allow",
        "schedule": {"type": "interval", "seconds": 1},
        "handler": "handlers.spends.run",
        "params": {"gate": str(house.gate("spends"))},
        # The runs of the killed worker would have to spend a dime more, for which the budget has no room.
        "budgets": [{"name": "team:x", "usd": 0.2}],
    }


def stands(house: WorkerHouse) -> Standing:
    ours = house.installation
    return standings(ours.client, ours.budgets.get("team:x"), datetime.now(UTC))[0]


def runs_of(house: WorkerHouse) -> list[RunRecord]:
    return house.installation.ledger.runs_of("agent", limit=1_000)


def in_state(house: WorkerHouse, *states: RunState) -> int:
    return sum(run.state in states for run in runs_of(house))


def skipped_runs(house: WorkerHouse) -> set[str]:
    records = final_records_of(house.installation, "agent")
    return {one["execution_id"] for one in records if one["status"] == "skipped"}


def dimes_on_record(house: WorkerHouse) -> int:
    records = final_records_of(house.installation, "agent")
    return sum(round(10 * one["spent"]["usd"]) for one in records if "spent" in one)


def test_cap_holds_under_eight_processes_and_a_kill_and_no_reservation_is_left() -> None:
    with worker_house() as house, leading_beat(house.installation):
        (house.folder / "handlers" / "spends.py").write_text(dedent(SPENDS), "utf-8")
        ours = house.installation
        ours.budgets.set({"name": "team:x", "usd": "1.2/d"})
        spent_file = house.gate("spends").with_suffix(".spent")
        with house.worker("first", concurrency=4) as first:
            assert ours.registry.register(task(house))
            wait_until(lambda: in_state(house, RunState.RUNNING) == 4, "four runs have begun", timeout=60)
            wait_until(lambda: stands(house).spent >= 4 * DOLLAR // 10, "each has spent a dime", timeout=60)
            first.kill()
        with house.worker("second", concurrency=8):
            wait_until(lambda: in_state(house, RunState.SKIPPED) > 0, "the budget stops one", timeout=60)
            house.gate("spends").touch()
            wait_until(lambda: in_state(house, RunState.SKIPPED) > 3, "the budget stops more", timeout=60)
            # Before the task is disabled, which cancels what waits.
            wait_until(lambda: in_state(house, RunState.LOST) > 0, "the budget ends a killed one", timeout=60)
            assert ours.registry.disable("agent")
            wait_until(lambda: in_state(house, *ACTIVE_STATES) == 0, "all others end", timeout=90)
            now = stands(house)
            ours.budgets.set({"name": "team:x", "usd": "0.5/d"})
            requested = house.run("agent")
            wait_until(
                lambda: requested.execution_id in skipped_runs(house), "a request is skipped", timeout=60
            )
            spent = len(spent_file.read_text("utf-8"))
            wait_until(lambda: dimes_on_record(house) == spent, "what was spent is on record", timeout=60)
        assert now.spent == spent * DOLLAR // 10
        assert now.spent <= (12 + 3) * DOLLAR // 10  # one of them goes on, and spends three dimes in all
        assert 0 < in_state(house, RunState.LOST) < 4
        assert now.reserved == 0
        assert ours.client.exists(redis_keys.budget_reserved("team:x")) == 0
        skipped = [one for one in final_records_of(ours, "agent") if one["status"] == "skipped"]
        assert all(one["cause"] == {"class": "budget", "layer": "team:x"} for one in skipped)
        assert all(one["reason"].startswith("over budget team:x: ") for one in skipped)
