"""`budget`, typed, and what is shown of budgets elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mission_control import TaskScheduler, get_budget, list_budgets, remove_budget, set_budget
from mission_control.dispatch.enqueue import Dispatch
from mission_control.errors import BudgetInUseError, InvalidTaskError
from mission_control.model.runs.run_state import RunState
from tests.samples.ledger_runs import begun
from tests.stage.audit_stream import final_records_of
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation

FILE = {
    "budgets": [
        {"name": "agent:research", "usd": "5/d", "runs": "9/h"},
        {"name": "tokens", "tokens": "1M/d"},
    ],
    "tasks": [
        {
            "id": "tea",
            "schedule": {"type": "interval", "hours": 1},
            "handler": "handlers.hello.run",
            "budgets": [{"name": "agent:research", "usd": 0.5}],
            "overlap": "allow",
        }
    ],
}

AGENT = '''"""A handler that spends."""


def run(context):
    """Spend a dollar, and try to get some back."""
    spend = context["spend"]
    left = [spend(usd=0.25), spend(usd=0.75)]
    try:
        spend(usd=-1)
    except ValueError as error:
        left.append(str(error).partition(" between")[0])
    return {"status": "success", "output": left, "error": None}
'''


@pytest.fixture
def applied(installation: Installation, tmp_path: Path) -> Installation:
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps(FILE))
    assert mc("tasks", "apply", str(file), "--dry-run").code == 0
    assert list_budgets() == []
    answer = mc("tasks", "apply", str(file))
    assert answer.code == 0, answer.err
    return installation


def test_budgets_of_a_task_file_come_before_its_tasks_and_are_exported_with_them(
    applied: Installation, tmp_path: Path
) -> None:
    assert list_budgets() == FILE["budgets"]
    exported = mc("tasks", "export", "-").json
    assert exported["budgets"] == FILE["budgets"]
    assert [task["budgets"] for task in exported["tasks"]] == [[{"name": "agent:research", "usd": 0.5}]]
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({**FILE, "budgets": []}).replace("agent:research", "agent:reserch"))
    answer = mc("tasks", "apply", str(wrong))
    assert (answer.code, "'agent:reserch' is no budget; did you mean \"agent:research\"?" in answer.err) == (
        2,
        True,
    )
    assert applied.budgets.users("agent:research") == [("tea", 1)]


def test_budget_that_tasks_refer_to_is_removed_only_by_force_and_names_them(applied: Installation) -> None:
    answer = mc("budget", "remove", "agent:research")
    assert (answer.code, "task tea refer" in answer.err) == (4, True)
    with pytest.raises(BudgetInUseError, match="tea"):
        remove_budget("agent:research")
    assert mc("budget", "remove", "agent:reserch").code == 3
    assert not remove_budget("agent:reserch")
    assert mc("budget", "remove", "agent:research", "--force", "--dry-run").code == 0
    assert get_budget("agent:research") is not None
    assert "without it run tea" in mc("budget", "remove", "agent:research", "--force").err
    assert get_budget("agent:research") is None
    with pytest.raises(InvalidTaskError, match="is no budget"):
        applied.registry.update("tea", {"tags": ["x"]})


def test_change_of_a_budget_is_on_record_with_its_reason_and_what_changed(applied: Installation) -> None:
    assert set_budget("agent:research", usd="7.5/d")
    assert not set_budget("agent:research", usd="7.5/d")
    assert mc("budget", "set", "agent:research", "--usd", "8/d", "--reason", "more work").code == 0
    answer = mc("budget", "set", "agent:research", "--usd", "5/fortnight")
    assert (answer.code, "usd: '5/fortnight' is no budget" in answer.err) == (2, True)
    records = [json.loads(line) for line in applied.settings.task_changes_log.read_text().splitlines()]
    last = [one for one in records if one["task_id"] == "budget:agent:research"][-1]
    assert (last["change"], last["reason"]) == ("budget_set", "more work")
    assert "8/d" in json.dumps(last["diff"])


def test_handler_spends_in_this_process_and_the_next_run_is_over_budget(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "agent.py").write_text(AGENT)
    set_budget("team:x", usd="1/d")
    task = {"id": "tea", "schedule": None, "handler": "handlers.agent.run", "budgets": ["team:x"]}
    scheduler = TaskScheduler()
    assert installation.registry.register(task)
    first, second = scheduler.execute_task("tea"), scheduler.execute_task("tea")
    assert (first["status"], first["output"]) == ("success", [True, False, "spend(): usd=-1 is no number"])
    assert str(second["error"]).startswith("skipped: over budget team:x: 1 of 1/d usd spent; frees at 20")
    spent, skipped = final_records_of(installation, "tea")
    assert (spent["spent"], spent["status"]) == ({"usd": 1.0}, "success")
    assert (skipped["cause"], skipped["status"]) == ({"class": "budget", "layer": "team:x"}, "skipped")


def test_spending_is_shown_with_its_share_and_who_has_reserved_what(applied: Installation) -> None:
    ledger = applied.ledger
    first, second = (Dispatch.of(applied).enqueue("tea").execution_id for _ in range(2))
    run = begun(ledger, first)
    ledger.spend(run, usd=4_250_000_000, tokens=1_200)
    begun(ledger, second)
    found = mc("budget", "show", "agent:research", "--json").json
    assert found["tasks"] == ["tea"]
    usd, runs = found["in_use"]
    assert (usd["cap"], usd["spent"], usd["reserved"], usd["frees_at"]) == (5, 4.25, 0.5, None)
    assert (runs["unit"], runs["spent"], runs["window_seconds"]) == ("runs", 2, 3_600)
    answer = mc("budget", "show", "agent:research")
    assert f"{second} may still spend 0.5 usd" in answer.err
    assert "85 %" in answer.out
    assert [one["name"] for one in mc("budget", "list", "--json").json] == ["agent:research", "tokens"]
    words = "agent:research: 4.25 of 5/d usd spent (85 %), 0.5 reserved"
    assert words in " ".join(mc("status").out.split())
    assert mc("status", "--json").json["budgets"] == [words]
    shown = " ".join(mc("task", "show", "tea").out.split())
    assert words in shown
    assert "agent:research: 2 of 9/h runs spent (22 %)" in shown
    assert ledger.end(run, RunState.SUCCESS, at=applied.clock()) is not None
    assert "4.25" in mc("run", "show", first).out
    assert mc("run", "show", first, "--json").json["spent_tokens"] == 1_200
