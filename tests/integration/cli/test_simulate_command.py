"""`mission-control simulate` from what Redis holds."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import format_instant
from mission_control.store import redis_keys
from tests.samples.ledger_runs import a_run
from tests.stage.command_line import mc
from tests.stage.heartbeat import seem_alive
from tests.stage.stored_keys import stored_keys

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation

HOURLY = {"type": "interval", "hours": 1}
pytestmark = pytest.mark.usefixtures("bare_environment")


def has_run(installation: Installation, task_id: str, seconds: float) -> None:
    """Let a task have a run that took so long."""
    ledger, name = installation.ledger, f"{task_id}@1"
    start = installation.clock() - timedelta(days=1)
    ledger.dispatch(a_run(name, dispatched_at=start, scheduled_time=start))
    run = ledger.begin(name, 1, worker="w", at=start).run
    assert run is not None
    assert ledger.end(run, RunState.SUCCESS, at=start + timedelta(seconds=seconds))


def simulated(*args: str) -> dict[str, Any]:
    answer = mc("simulate", *args, "--json")
    assert answer.code == 0, answer.err
    return dict(answer.json)


def test_day_is_simulated_from_tasks_limits_budgets_and_past_runs_and_changes_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    register = installation.registry.register
    installation.limits.set_all([installation.limits.kind(name="llm", concurrency=1)])
    installation.budgets.set_all([installation.budgets.kind(name="few", runs="10/d")])
    for name in ("a", "b"):
        register({"id": name, "handler": "handlers.hello.run", "schedule": HOURLY, "limits": ["llm"]})
        has_run(installation, name, 60)
    register({"id": "c", "handler": "handlers.hello.run", "schedule": HOURLY, "budgets": ["few"]})
    before = stored_keys(installation.client)

    found = simulated("--workers", "4")

    assert found["fired"] == 24 + 24 + 10
    assert found["not_run"] == {"budget": 14}
    assert found["held_up"] == {"llm": 24}
    assert found["workers"]["slots"] == 4
    assert [one["fired"] for one in found["busiest"]] == [3] * 5
    assert found["latest"][0]["task_id"] == "b"
    assert found["latest"][0]["p50"] > 10
    (assumed,) = found["assumptions"]
    assert assumed == "no run of c is known; assumed that each takes as long as runs of other tasks"
    text = mc("simulate", "--workers", "4").out
    assert "not run    14 budget" in text
    assert "few: 100 % of its runs at most" in text

    file = tmp_path / "more.json"
    file.write_text(json.dumps([{"id": "d", "handler": "handlers.hello.run", "schedule": HOURLY}]), "utf-8")
    assert simulated("--with", str(file), "--for", "12h")["fired"] == 12 * 3 + 10
    assert stored_keys(installation.client) == before


def test_worker_that_is_up_serves_its_queues_only(installation: Installation) -> None:
    seem_alive(installation.client, "worker", "w", queues=["other"], concurrency=3)
    installation.registry.register({"id": "a", "handler": "handlers.hello.run", "schedule": HOURLY})
    found = simulated()
    assert (found["workers"]["slots"], found["fired"], found["queues"]) == (3, 1, [])


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--workers", "0"], 2, "0 is not in the range 1<=x<=100000"),
        (["--workers", "-3"], 2, "-3 is not in the range"),
        (["--workers", "100000000"], 2, "100000000 is not in the range"),
        (["--for", "soon"], 2, "soon"),
        (["--for", "20y"], 2, "20y"),
        (["--with", "nowhere.yaml"], 2, "nowhere.yaml"),
        (["--place", "soon"], 2, "'soon' is no span of the day; write such as 07:00-09:00"),
        (["--place", "07:00-07:00"], 2, "has no minute"),
        (["a"], 2, "TASK_ID is for --place"),
        (["b", "--place", "07:00-09:00"], 3, "no task has the id"),
        (["--place", "07:00-09:00", "--start-within", "5m"], 2, "give only one of"),
    ],
)
def test_bad_input_is_refused_by_name(
    installation: Installation, args: list[str], code: int, words: str
) -> None:
    installation.registry.register({"id": "a", "handler": "handlers.hello.run", "schedule": HOURLY})
    answer = mc("simulate", *args)
    assert answer.code == code
    assert words in answer.err


def test_ten_years_of_a_task_of_every_second_end_early_and_say_so(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mission_control.operate.simulation.simulate.simulate.__kwdefaults__", {"most": 900})
    installation.registry.register({"id": "a", "handler": "handlers.hello.run", "schedule": "every 1s"})
    answer = mc("simulate", "--for", "3650d")
    assert answer.code == 0
    assert "more would take too long; simulate fewer tasks, or a shorter time" in answer.err
    assert "assumed that each takes 1 s" in answer.err


def test_recorded_stretch_is_replayed(installation: Installation) -> None:
    register = installation.registry.register
    register({"id": "a", "handler": "handlers.hello.run", "schedule": HOURLY})
    task = installation.registry.definition("a")
    assert task is not None
    start = installation.clock().replace(minute=0, second=0, microsecond=0)
    made = {"trigger": "schedule", "revision": task.metadata.revision, "retry_policy": {"max_retries": 0}}
    due = occurrence_execution_id("a", start)
    installation.ledger.dispatch(a_run(due, scheduled_time=start, dispatched_at=start, **made))
    other = start + timedelta(minutes=7)  # by no schedule
    wrong = occurrence_execution_id("a", other)
    stretch = ("--replay", format_instant(start - timedelta(minutes=1)))

    answer = mc("simulate", *stretch, format_instant(start + timedelta(minutes=1)), "--json")
    assert (answer.code, answer.json["decisions"]) == (0, {"equal": 1, "different": 0, "unknown": 0})

    installation.ledger.dispatch(a_run(wrong, scheduled_time=other, dispatched_at=other, **made))
    answer = mc("simulate", *stretch, format_instant(start + timedelta(hours=1)))
    assert answer.code == 1
    assert f"{wrong}" in answer.out
    assert "no decision" in answer.out


def test_stretch_that_is_no_longer_kept_is_said_to_be_unknown(installation: Installation) -> None:
    client, now = installation.client, installation.clock()
    marks: dict[Any, Any] = {"writers": "1", "runs": str(int(now.timestamp()) - 60)}
    client.hset(redis_keys.KNOWN_SINCE, mapping=marks)
    answer = mc("simulate", "--replay", "2h", "1h")
    assert answer.code == 0
    assert "not known: decisions about runs that are no longer kept" in answer.err


def test_stretch_that_ends_before_it_begins_is_refused(installation: Installation) -> None:
    assert installation.client.ping()
    assert mc("simulate", "--replay", "0001-01-01T00:00Z", "1h").code == 0
    answer = mc("simulate", "--replay", "1h", "2h")
    assert answer.code == 2
    assert "TO must be after FROM" in answer.err


def test_better_minute_and_enough_workers_are_found(installation: Installation) -> None:
    for name in ("a", "b"):
        seven = {"type": "daily", "time": "07:00"}
        installation.registry.register({"id": name, "handler": "handlers.hello.run", "schedule": seven})
        has_run(installation, name, 90)
    (first, *_) = simulated("a", "--place", "07:00-07:30", "--for", "2d")["minutes"]
    assert first["active"] == first["fired"] == 0
    assert "07:00" < first["minute"] < "07:10"
    assert "other runs active then" in mc("simulate", "a", "--place", "07:00-07:30").out
    assert simulated("--start-within", "0s") == {"start_within_seconds": 0, "slots": 2}
    assert "2 slots start 99 % of runs within 0 ms" in mc("simulate", "--start-within", "0s").out
