"""Filters of lists, and of commands that change what they take."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.cli.terminal.completions import known_values
from mission_control.model.runs.run_state import RunState
from mission_control.operate import search_plan
from tests.samples.ledger_runs import a_run
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

HELLO = "handlers.hello.run"


@pytest.fixture(autouse=True)
def _kitchen(installation: Installation) -> None:
    for task_id, queue, handler in (
        ("tea", "kitchen", HELLO),
        ("coffee", "kitchen", "handlers.test_handler.run"),
        ("report", "office", HELLO),
    ):
        definition = {"id": task_id, "queue": queue, "handler": handler, "schedule": "daily 09:00"}
        tags = ["hot"] if queue == "kitchen" else []
        assert installation.registry.register({**definition, "tags": tags})
    installation.registry.disable("report")
    ledger, now = installation.ledger, installation.clock()
    for number, (task_id, state) in enumerate(
        [("tea", "failure"), ("tea", "success"), ("report", "lost"), ("coffee", "failure"), ("coffee", None)]
    ):
        task = installation.registry.definition(task_id)
        assert task is not None
        run = a_run(f"{task_id}@{number}", task_id=task_id, queue=task.queue, handler=task.handler)
        ledger.dispatch(run)
        if state is not None:
            at = now - timedelta(days=number)
            begun_run = ledger.begin(run.execution_id, 1, worker="w", at=at).run
            assert begun_run is not None
            ledger.end(begun_run, RunState(state), at=at, error="no milk")


def found(*words: str) -> set[str]:
    name = "id" if words[0] == "task" else "execution_id"
    return {one[name] for one in mc(*words, "--json").json}


TAKEN = {
    "run list": {"coffee@4"},
    "run list --status failed": {"tea@0", "report@2", "coffee@3"},
    "run list --status failed --since 36h": {"tea@0"},
    "run list --status waiting --status lost": {"coffee@4", "report@2"},
    "run list --queue office --all": {"report@2"},
    "run list --tag hot --since 36h": {"tea@0", "tea@1", "coffee@4"},
    "run list --handler handlers.test_handler.run --status failure": {"coffee@3"},
    "run list --task tea --status success": {"tea@1"},
    "run list --status failed -n 1": {"tea@0"},
    "run list -q task:coff*": {"coffee@3", "coffee@4"},
    "run list -q state:failed --queue kitchen --since 36h": {"tea@0"},
    "run list -q milk -n 2": {"tea@0", "tea@1"},
    "run list -q -tag:hot": {"report@2"},
    "task list": {"tea", "coffee"},
    "task list -q -state:enabled": {"report"},
    "task list -q failures>0 --all --queue office": {"report"},
    "task list --queue kitchen --handler handlers.hello.run": {"tea"},
    "task list --status disabled": {"report"},
    "task list --all --tag hot --tag cold": {"tea", "coffee"},
    "task list --since 36h": {"tea"},
}
UNMATCHED = {
    "run list --queue kichen": (0, "no run has the queue 'kichen'; did you mean \"kitchen\"?"),
    "run list --handler handlers.gone.run": (0, "ended runs were not looked at; --all does"),
    "run list --status lost --queue kitchen": (0, "no run with status lost, queue kitchen"),
    "run list --status faild": (2, 'did you mean "failed"?'),
    "task list --tag hit": (0, 'did you mean "hot"?'),
    "task list --status pausd": (2, 'did you mean "paused"?'),
    "task list --since tomorow": (2, "is not a moment"),
    "run cancel --queue ofice": (3, "no run has the queue 'ofice'"),
    "run retry --queue office": (2, "Say with --status which runs to retry"),
    "run list -q state:faild": (2, "filter, character 7: 'faild' is no state; did you mean \"failed\"?"),
    "run list -q queue:kichen": (0, "no run has the queue 'kichen'; did you mean \"kitchen\"?"),
    "run retry -q queue:office": (2, "Say with --status which runs to retry"),
    "run cancel": (2, "Give either ids, or filters"),
    "run cancel tea --queue office": (2, "Give either ids, or filters"),
    "task disable --tag cold": (3, "no task has the tag 'cold'"),
}


def test_filter_takes_what_has_one_value_of_each() -> None:
    assert {words: found(*words.split()) for words in TAKEN} == TAKEN


def test_filter_without_a_match_says_so_and_names_the_nearest() -> None:
    for words, (code, reported) in UNMATCHED.items():
        answer = mc(*words.split())
        assert (answer.code, answer.out, reported in answer.err) == (code, "", True), (words, answer)
    for words in (
        "run list --all --queue kichen",
        "run list --status lost --queue kitchen",
        "run cancel --queue ofice",
    ):
        assert "--all" not in mc(*words.split()).err
    assert found("run", "list") == {"coffee@4"}


def test_filter_selects_what_is_changed() -> None:
    assert mc("task", "disable", "--queue", "kitchen", "--dry-run").err.count("would be disabled") == 2
    assert mc("run", "retry", "--status", "failed", "--since", "36h", "--dry-run").err.count("tea@0") == 1
    assert "coffee@4: cancelled" in mc("run", "cancel", "--tag", "hot").err
    mc("pause", "--tag", "hot")
    assert found("task", "list", "--status", "paused") == {"tea", "coffee"}
    assert len(mc("run", "retry", "--status", "failed", "--status", "lost").out.split()) == 3
    assert mc("task", "disable", "--queue", "kitchen").code == 0
    assert found("task", "list", "--status", "disabled") == {"tea", "coffee", "report"}
    assert mc("task", "run", "--status", "disabled", "--queue", "office").out.startswith("report@manual-")


def test_wide_search_is_refused_with_its_size_until_it_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_plan, "MOST_SCANNED", 2)
    refused = mc("run", "list", "-q", "error:milk state:failed")
    assert (refused.code, refused.out) == (4, "")
    assert "4 runs to look at, by no index" in refused.err
    assert "add --yes" in refused.err
    assert found("run", "list", "-q", "error:milk state:failed", "--yes") == {"tea@0", "report@2", "coffee@3"}
    assert found("run", "list", "-q", "task:tea error:milk") == {"tea@0", "tea@1"}


def test_filter_is_completed_with_what_there_is() -> None:
    assert known_values("queue") == ["kitchen", "office"]
    assert known_values("tag") == ["hot"]
    assert known_values("task") == ["coffee", "report", "tea"]
    assert set(known_values("run")) == {"coffee@4", "tea@0", "tea@1", "report@2", "coffee@3"}
    assert known_values("error") == []
