"""`limit`, typed, and what is shown of limits elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mission_control import get_limit, list_limits, remove_limit, set_limit
from mission_control.dispatch.enqueue import Dispatch
from mission_control.errors import InvalidTaskError, LimitInUseError
from tests.samples.ledger_runs import begun
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation

FILE: dict[str, list[dict[str, Any]]] = {
    "limits": [{"name": "api", "concurrency": 1}, {"name": "slow", "rate": "1/h"}],
    "tasks": [
        {
            "id": task_id,
            "schedule": {"type": "interval", "hours": 1},
            "handler": "handlers.hello.run",
            "limits": limits,
            "overlap": "allow",
        }
        for task_id, limits in {"tea": ["api"], "cake": ["slow"]}.items()
    ],
}


@pytest.fixture
def applied(installation: Installation, tmp_path: Path) -> Installation:
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps(FILE))
    assert mc("tasks", "apply", str(file), "--dry-run").code == 0
    assert list_limits() == []
    answer = mc("tasks", "apply", str(file))
    assert answer.code == 0, answer.err
    return installation


def test_limits_of_a_task_file_come_before_its_tasks_and_are_exported_with_them(
    applied: Installation, tmp_path: Path
) -> None:
    assert list_limits() == FILE["limits"]
    exported = mc("tasks", "export", "-").json
    assert exported["limits"] == FILE["limits"]
    assert [task["limits"] for task in exported["tasks"]] == [["slow"], ["api"]]
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({**FILE, "limits": []}).replace('"api"', '"apy"'))
    answer = mc("tasks", "apply", str(wrong))
    assert (answer.code, "'apy' is no limit; did you mean \"api\"?" in answer.err) == (2, True)
    assert applied.limits.users("api") == [("tea", 1)]


def test_limit_that_tasks_refer_to_is_removed_only_by_force_and_names_them(applied: Installation) -> None:
    answer = mc("limit", "remove", "api")
    assert (answer.code, "task tea refer" in answer.err) == (4, True)
    with pytest.raises(LimitInUseError, match="tea"):
        remove_limit("api")
    assert mc("limit", "remove", "apo").code == 3
    assert not remove_limit("apo")
    assert mc("limit", "remove", "api", "--force", "--dry-run").code == 0
    assert get_limit("api") is not None
    assert "without it run tea" in mc("limit", "remove", "api", "--force").err
    assert get_limit("api") is None
    with pytest.raises(InvalidTaskError, match="is no limit"):
        applied.registry.update("tea", {"tags": ["x"]})
    assert mc("task", "run", "tea").code == 0  # as its occurrences run
    assert mc("enqueue", "tea", "--limit", "api").code == 2


def test_change_of_a_limit_is_on_record_and_may_not_go_below_a_tasks_weight(applied: Installation) -> None:
    assert set_limit("api", concurrency=3)
    assert not set_limit("api", concurrency=3)
    applied.registry.update("tea", {"limits": [{"name": "api", "weight": 2}]})
    answer = mc("limit", "set", "api", "--concurrency", "1")
    assert (answer.code, "task tea take more" in answer.err) == (4, True)
    assert mc("limit", "set", "api", "--rate", "often").code == 2
    records = [json.loads(line) for line in applied.settings.task_changes_log.read_text().splitlines()]
    changes = [(one["task_id"], one["change"]) for one in records if one["task_id"].startswith("limit:")]
    assert changes == [("limit:api", "limit_set"), ("limit:slow", "limit_set"), ("limit:api", "limit_set")]


def test_run_that_waits_for_a_limit_is_shown_with_its_time_or_who_has_the_slots(
    applied: Installation,
) -> None:
    dispatch, ledger = Dispatch.of(applied), applied.ledger
    first, second = (dispatch.enqueue("tea").execution_id for _ in range(2))
    third, fourth = (dispatch.enqueue("cake").execution_id for _ in range(2))
    for execution_id in (first, third):
        begun(ledger, execution_id)
    for execution_id in (second, fourth):
        ledger.begin(execution_id, 1, worker="w", at=applied.clock())
    assert f"waits for slots of limit api; they are held by {first}" in mc("run", "show", second).err
    assert "waits for limit slow, until 20" in mc("run", "show", fourth).err
    assert f"api: 1 run waits for slots, held by {first}" in " ".join(mc("status").out.split())
    assert "slow: 1 run waits, the next until 20" in " ".join(mc("task", "show", "cake").out.split())
    (bucket,) = mc("limit", "show", "api", "--json").json["in_use"]
    assert (bucket["holders"], bucket["waiting"]) == ({first: 1}, [second])
    assert first in mc("limit", "show", "api").out
    assert {one["limited_by"] for one in mc("run", "list", "--json").json if "limited_by" in one} == {
        *("api", "slow")
    }


def test_file_may_change_limits_and_their_tasks_at_once_and_is_applied_whole_or_not(
    applied: Installation, tmp_path: Path
) -> None:
    def apply(concurrency: int, weight: int, **slow: object) -> int:
        tasks = [{**FILE["tasks"][0], "limits": [{"name": "api", "weight": weight}]}]
        limits = [{"name": "api", "concurrency": concurrency}, {"name": "slow", "rate": "1/h", **slow}]
        file = tmp_path / "other.json"
        file.write_text(json.dumps({"limits": limits, "tasks": tasks}))
        return mc("tasks", "apply", str(file)).code

    for concurrency, weight in ((3, 3), (2, 2)):
        assert apply(concurrency, weight) == 0
        assert applied.limits.users("api") == [("tea", weight)]
    assert apply(1, 1, per="params.customer") == 4  # the task `cake` has none
    assert (applied.limits.get("api").concurrency, applied.limits.users("api")) == (2, [("tea", 2)])


def test_limit_is_not_set_per_a_param_that_a_task_lacks(applied: Installation) -> None:
    answer = mc("limit", "set", "api", "--concurrency", "1", "--per", "params.customer")
    assert (answer.code, "cannot be per params.customer: task tea have no such" in answer.err) == (4, True)
    applied.registry.update("tea", {"params": {"customer": "Ada"}})
    assert mc("limit", "set", "api", "--concurrency", "1", "--per", "params.customer").code == 0
