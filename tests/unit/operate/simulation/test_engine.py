"""Each policy in a simulation: what happens, to the second, where runs take known times."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mission_control.model.definitions.named_budget import Budget
from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.model.policies.pause import PauseKind, PauseLayer
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.operate.simulation.experience import Experience
from mission_control.operate.simulation.scenario import Workers
from mission_control.operate.simulation.simulate import simulate
from tests.unit.operate.simulation.scenarios import MIDNIGHT, MINUTE, always, course, scenario

A_MINUTE: dict[str, Any] = {"schedule": "every 1m"}
SECOND = timedelta(seconds=1)
AT_ONE: dict[str, Any] = {"schedule": {"type": "daily", "time": "00:01"}}


def test_two_runs_on_one_slot_start_one_after_the_other() -> None:
    found = course(scenario({"id": "a", **AT_ONE}, {"id": "b", **AT_ONE}), 2 * MINUTE)
    assert found == ["00:01:00 a starts", "00:01:10 a success", "00:01:10 b starts", "00:01:20 b success"]


def test_two_runs_on_two_slots_start_together() -> None:
    found = course(scenario({"id": "a", **AT_ONE}, {"id": "b", **AT_ONE}, slots=2), 2 * MINUTE)
    assert found[:2] == ["00:01:00 a starts", "00:01:00 b starts"]


def test_run_that_outlasts_the_simulation_takes_its_slot_until_the_end() -> None:
    found = simulate(scenario({"id": "a", **AT_ONE}, known={"a": always(3_600.0)}), 2 * MINUTE)
    assert found.busy_percent == 50


def test_run_of_a_queue_that_no_worker_serves_never_starts() -> None:
    given = scenario({"id": "a", **AT_ONE, "queue": "gpu"})
    served = replace(given, workers=[Workers(1, frozenset({"default"}))])
    assert course(served, 2 * MINUTE) == []


def test_more_urgent_run_starts_first() -> None:
    tasks = [{"id": name, **AT_ONE, "priority": at} for name, at in (("a", 0), ("b", 9), ("c", 3))]
    starts = [one for one in course(scenario(*tasks), 2 * MINUTE) if "starts" in one]
    assert starts == ["00:01:00 a starts", "00:01:10 c starts", "00:01:20 b starts"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("skip", ["00:02:00 a not run: overlap", "00:02:30 a success"]),
        ("queue", ["00:02:00 waits for overlap", "00:02:30 a success", "00:02:30 a starts"]),
        ("allow", ["00:02:00 a starts", "00:02:30 a success"]),
        ("replace", ["00:02:00 waits for overlap", "00:02:00 a cancelled", "00:02:00 a starts"]),
    ],
)
def test_overlap_is_decided_by_the_policy(policy: str, expected: list[str]) -> None:
    given = scenario({"id": "a", **A_MINUTE, "overlap": policy}, slots=2, known={"a": always(90.0)})
    assert course(given, 2 * MINUTE + 30 * SECOND) == ["00:01:00 a starts", *expected]


def test_limit_of_one_slot_lets_runs_take_turns() -> None:
    tasks = [{"id": name, **AT_ONE, "limits": ["llm"]} for name in "ab"]
    given = scenario(*tasks, slots=9, limits={"llm": NamedLimit(name="llm", concurrency=1)})
    assert course(given, 2 * MINUTE) == [
        "00:01:00 a starts",
        "00:01:00 waits for llm",
        "00:01:10 a success",
        "00:01:10 b starts",
        "00:01:20 b success",
    ]


def test_rate_spreads_starts_exactly() -> None:
    tasks = [{"id": name, **AT_ONE, "limits": ["llm"]} for name in "abc"]
    given = scenario(*tasks, slots=9, limits={"llm": NamedLimit(name="llm", rate="30/m")})
    starts = [one for one in course(given, 2 * MINUTE) if "starts" in one]
    assert starts == ["00:01:00 a starts", "00:01:02 b starts", "00:01:04 c starts"]


def test_rate_counts_each_value_of_its_param_apart() -> None:
    tasks = [
        {"id": name, **AT_ONE, "limits": ["llm"], "params": {"of": value}}
        for name, value in (("a", 1), ("b", 2), ("c", 1))
    ]
    limit = NamedLimit(name="llm", rate="30/m", per="params.of")
    starts = [
        one for one in course(scenario(*tasks, slots=9, limits={"llm": limit}), 2 * MINUTE) if "starts" in one
    ]
    assert starts == ["00:01:00 a starts", "00:01:00 b starts", "00:01:02 c starts"]


def test_budget_lets_so_many_runs_start_and_skips_the_others() -> None:
    given = scenario(
        {"id": "a", **A_MINUTE, "budgets": ["few"]}, budgets={"few": Budget(name="few", runs="2/h")}
    )
    found = simulate(given, timedelta(minutes=5))
    assert (found.tally.fired_count, dict(found.tally.not_run)) == (2, {"budget": 3})
    assert found.peaks == {("few", "runs"): 100}


def test_budget_is_spent_by_what_runs_of_the_task_spend() -> None:
    spends = always(10.0, spent={"usd": [2_000_000_000]})
    given = scenario(
        {"id": "a", **A_MINUTE, "budgets": ["few"]},
        budgets={"few": Budget(name="few", usd="5/d")},
        known={"a": spends},
    )
    found = simulate(given, timedelta(minutes=5))
    assert (found.tally.fired_count, dict(found.tally.not_run)) == (2, {"budget": 3})


def test_failed_run_is_tried_again_by_its_policy() -> None:
    given = scenario(
        {"id": "a", **AT_ONE, "retry_policy": {"max_retries": 1, "retry_delay_seconds": 20}},
        known={"a": always(10.0, failed=1.0)},
    )
    assert course(given, 3 * MINUTE) == ["00:01:00 a starts", "00:01:30 a starts", "00:01:40 a failure"]


def test_run_longer_than_its_time_limit_fails_then() -> None:
    given = scenario({"id": "a", **AT_ONE, "timeout_seconds": 4, "retry_policy": {"max_retries": 0}})
    assert course(given, 2 * MINUTE) == ["00:01:00 a starts", "00:01:04 a failure"]


def test_run_that_waits_too_long_expires() -> None:
    tasks = [{"id": "a", **AT_ONE}, {"id": "b", **AT_ONE, "expires_seconds": 5}]
    assert course(scenario(*tasks), 2 * MINUTE)[-1] == "00:01:10 b expired"


def test_failures_open_the_breaker_and_probes_are_let_through() -> None:
    given = scenario(
        {
            "id": "a",
            **A_MINUTE,
            "retry_policy": {"max_retries": 0},
            "pause_after_failures": 2,
            "probe_after": ["5m"],
        },
        known={"a": always(10.0, failed=1.0)},
    )
    found = simulate(given, timedelta(minutes=10))
    assert dict(found.tally.not_run) == {"breaker": 7}  # 3 … 7, then the probe at 8 keeps 9 and 10 back
    assert found.tally.states["failure"] == 3


def test_paused_task_is_skipped_until_the_pause_ends() -> None:
    layer = PauseLayer(PauseKind.TASK, "a", since=MIDNIGHT, who="ada", until=MIDNIGHT + 3 * MINUTE)
    found = simulate(scenario({"id": "a", **A_MINUTE}, layers=[layer]), timedelta(minutes=5))
    assert (found.tally.fired_count, dict(found.tally.not_run)) == (3, {"paused": 2})


def test_occurrence_changed_by_hand_is_skipped_and_another_moved() -> None:
    moved = ChangedOccurrence(
        "b", MIDNIGHT + MINUTE, since=MIDNIGHT, who="ada", to=MIDNIGHT + 90 * SECOND, is_skipped=False
    )
    skipped = replace(moved, task_id="a", to=None, is_skipped=True)
    given = scenario({"id": "a", **AT_ONE}, {"id": "b", **AT_ONE}, changed=[moved, skipped])
    due = {**given.due, "b": (MIDNIGHT + 90 * SECOND).timestamp()}
    found = course(replace(given, due=due), 2 * MINUTE)
    assert found == ["00:01:00 a not run: skipped_by_hand", "00:01:30 b starts", "00:01:40 b success"]


def test_condition_of_the_time_is_decided_and_one_of_a_file_is_taken_as_met() -> None:
    tasks = [
        {"id": "a", **AT_ONE, "condition": {"window": "09:00-10:00"}},
        {"id": "b", **AT_ONE, "condition": {"file_changed": "/nowhere"}},
        {"id": "c", **AT_ONE, "condition": "previous_failed"},
    ]
    found = course(scenario(*tasks), MINUTE)
    assert found == ["00:01:00 a not run: condition", "00:01:00 b starts", "00:01:00 c not run: condition"]


def test_condition_that_nothing_foretells_holds_as_often_as_it_did() -> None:
    task = {"id": "a", **A_MINUTE, "condition": "handlers.conditions.on_workday"}
    for unmet, least, most in ((0.0, 100, 100), (0.7, 15, 45), (1.0, 0, 0)):
        found = course(scenario(task, known={"a": always(1.0, unmet=unmet)}), 100 * MINUTE + SECOND)
        assert least <= sum(line.endswith("a starts") for line in found) <= most


def test_slot_takes_time_between_two_runs() -> None:
    found = course(scenario(*({"id": one, **AT_ONE} for one in "ab"), hand_over=2.0), 2 * MINUTE)
    assert found == ["00:01:02 a starts", "00:01:12 a success", "00:01:14 b starts", "00:01:24 b success"]


def test_task_runs_after_another_and_is_skipped_after_its_failure() -> None:
    tasks = [
        {"id": "a", **AT_ONE, "retry_policy": {"max_retries": 0}},
        {"id": "b", "after": [{"task": "a", "on": "success"}]},
        {"id": "c", "after": [{"task": "a", "on": "failure"}]},
        {"id": "d", "after": [{"task": "b"}, {"task": "c", "on": "any"}]},
    ]
    found = course(scenario(*tasks, known={"a": always(10.0, failed=1.0)}), 2 * MINUTE)
    assert found == [
        "00:01:00 a starts",
        "00:01:10 a failure",
        "00:01:10 b not run: upstream",
        "00:01:10 d not run: upstream",
        "00:01:10 c starts",
        "00:01:20 c success",
    ]


def test_fixed_delay_is_counted_from_the_end_of_a_run() -> None:
    schedule = {"type": "interval", "minutes": 1, "measure_from": "finish"}
    given = scenario({"id": "a", "schedule": schedule})
    starts = [one for one in course(given, 4 * MINUTE) if "starts" in one]
    assert starts == ["00:01:00 a starts", "00:02:10 a starts", "00:03:20 a starts"]


def test_active_runs_go_on_before_what_falls_due() -> None:
    def record(name: str, **fields: Any) -> RunRecord:
        at = MIDNIGHT - MINUTE
        return RunRecord(
            execution_id=f"{name}@1", task_id=name, handler="h", scheduled_time=at, dispatched_at=at, **fields
        )

    begun = MIDNIGHT - 4 * SECOND
    active = [record("b"), record("a", state=RunState.RUNNING, attempt=1, started_at=begun)]
    given = scenario({"id": "a", **A_MINUTE}, {"id": "b", **A_MINUTE}, active=active)
    assert course(given, MINUTE - SECOND) == ["00:00:06 a success", "00:00:06 b starts", "00:00:16 b success"]


def test_run_that_waits_for_another_of_its_task_starts_after_it() -> None:
    fields: dict[str, Any] = {"task_id": "a", "handler": "h", "scheduled_time": MIDNIGHT}
    first = RunRecord(execution_id="a@1", dispatched_at=MIDNIGHT, **fields)
    second = RunRecord(execution_id="a@2", dispatched_at=MIDNIGHT - MINUTE, waits_for="a@1", **fields)
    given = scenario({"id": "a", **AT_ONE, "overlap": "queue"}, slots=5, active=[second, first])
    assert course(given, 30 * SECOND) == [
        *("00:00:00 a starts", "00:00:10 a success", "00:00:10 a starts", "00:00:20 a success")
    ]


def test_same_scenario_gives_the_same_answer() -> None:
    given = scenario({"id": "a", **A_MINUTE}, known={"a": Experience([1.0, 50.0, 70.0], failed=0.3)})
    one, other = (simulate(given, timedelta(hours=2)).to_json() for _ in range(2))
    assert one == other


def test_ten_years_of_a_task_of_every_second_end_early_and_say_so() -> None:
    found = simulate(scenario({"id": "a", "schedule": "every 1s"}), timedelta(days=3_650), most=500)
    assert found.is_cut
    assert found.to_json()["cut"] is True
    assert MIDNIGHT < found.until < MIDNIGHT + timedelta(hours=1)
