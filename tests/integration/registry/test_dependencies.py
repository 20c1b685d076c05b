"""Tasks that come after others: what the registry, task files and the command line refuse and say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mission_control import TaskScheduler, register_task, unregister_task
from mission_control.errors import InvalidTaskError
from mission_control.ledger.upstream_runs import UpstreamRuns
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation

HOURLY = {"type": "interval", "hours": 1}
HELLO = "handlers.hello.run"


def task(task_id: str, *after: str, **more: Any) -> dict[str, Any]:
    own = {"after": [{"task": one} for one in after]} if after else {"schedule": HOURLY}
    return {"id": task_id, "handler": HELLO, **own, **more}


def register(*tasks: dict[str, Any]) -> None:
    for one in tasks:
        assert register_task(one)


def refused(change: dict[str, Any], installation: Installation, task_id: str | None = None) -> str:
    registry = installation.registry
    with pytest.raises(InvalidTaskError) as caught:
        _ = registry.register(change) if task_id is None else registry.update(task_id, change)
    return str(caught.value)


def test_dependencies_that_cannot_work_are_refused_with_the_path(installation: Installation) -> None:
    register(task("s"), task("t"), task("a", "s"), task("b", "a"))
    assert "after[0].task: no task has the id 'alpha'" in refused(task("x", "alpha"), installation)
    assert 'did you mean "s"' in refused(task("x", "S"), installation)
    assert "after[0].task: 'x' is this task itself" in refused(task("x", "x"), installation)
    after_b = {"after": [{"task": "b"}]}
    assert "after: a cycle: a after b after a" in refused(after_b, installation, "a")
    assert "after: a cycle: s after b after a after s" in refused(after_b, installation, "s")
    assert "b, t have no common root" in refused(task("x", "b", "t"), installation)
    assert "after[0].within: '0s' is too small" in refused(
        task("x", after=[{"task": "s", "within": "0s"}]), installation
    )
    assert installation.registry.ids() == ["a", "b", "s", "t"]
    register(task("x", after=[{"task": "b"}, {"task": "t", "within": "1h"}]))


def test_change_that_breaks_what_comes_after_is_refused_and_names_it(installation: Installation) -> None:
    register(task("s"), task("t"), task("a", "s"), task("b", "s"), task("d", "a", "b"))
    words = refused({"after": [{"task": "t"}]}, installation, "a")
    assert "breaks task 'd', which comes after it" in words
    assert "a also runs for t" in words
    assert "breaks task 'd'" in refused({"schedule": HOURLY}, installation, "a")
    assert installation.registry.update("a", {"params": {"x": 1}})
    with pytest.raises(InvalidTaskError, match="others come after it: a, b"):
        unregister_task("s")
    assert unregister_task("s", force=True)
    assert installation.registry.update("a", {"params": {"x": 2}})  # what is broken already may be changed
    register(task("s"))
    assert installation.client.hget("redbeat:s", "downstream") == "1"


def test_task_file_may_name_tasks_in_any_order_and_is_applied_whole_or_not(
    installation: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "tasks.json"
    tasks = [task("d", "a", "b"), task("b", "s"), task("a", "s"), task("s")]
    file.write_text(json.dumps({"tasks": tasks}))
    assert mc("tasks", "apply", str(file)).code == 0
    assert installation.registry.downstream("s") == ["a", "b"]
    turned = [task("s", "d"), task("d"), task("a", "s"), task("b", "s")]
    file.write_text(json.dumps({"tasks": turned}))
    assert mc("tasks", "apply", str(file)).code == 0
    assert installation.registry.downstream("d") == ["s"]
    file.write_text(json.dumps({"tasks": [task("new"), task("d", "b")]}))
    answer = mc("tasks", "apply", str(file))
    assert answer.code != 0
    assert "tasks[1] (d).after: a cycle: d after b after s after d" in answer.err
    assert installation.registry.get("new") is None
    exported = {one["id"]: one for one in mc("tasks", "export", "-").json["tasks"]}
    assert exported["a"]["after"] == [{"task": "s", "on": "success"}]
    assert exported["a"]["schedule"] is None


def test_command_line_shows_what_starts_what_and_what_a_removal_breaks(installation: Installation) -> None:
    register(task("s"), task("a", "s"), task("b", "s"), task("d", "a", "b"))
    assert "a, b" in mc("task", "show", "s").out
    listed = mc("task", "list")
    assert listed.code == 0, listed.err
    assert "after a, b" in listed.out
    answer = mc("task", "show", "d")
    assert answer.code == 0, answer.err
    shown = answer.out
    assert "without a schedule" in shown
    assert '"task": "a"' in shown
    assert mc("task", "show", "d", "--json").json["execution_history"]["state"] == "enabled"
    assert "a, b will not run while it is disabled" in mc("task", "disable", "s", "--dry-run").err
    answer = mc("task", "remove", "s", "--yes")
    assert answer.code == 4
    assert "a, b would no longer run after it" in answer.err
    assert mc("task", "remove", "s", "--yes", "--force").code == 0
    assert "no such task" in mc("task", "show", "a").out
    assert installation.registry.ids() == ["a", "b", "d"]


@pytest.fixture
def sums(tmp_path: Path, installation: Installation) -> None:
    assert installation is not None
    folder = tmp_path / "handlers"
    folder.mkdir()
    (folder / "add.py").write_text(
        "def run(context):\n"
        "    found = [one['output'] for one in context['upstream'].values()]\n"
        "    output = [context['params'].get('n', 0) + sum(found), context['trigger']]\n"
        "    return {'status': 'success', 'output': output[0], 'error': None}\n"
        "def shows(context):\n"
        "    return {'status': 'success', 'output': context['upstream'], 'error': None}\n"
    )


@pytest.mark.usefixtures("sums")
def test_pipeline_runs_in_process_and_passes_outputs_on(installation: Installation) -> None:
    adds = {"handler": "handlers.add.run"}
    once = {"type": "once", "at": "2026-03-02T09:00:00Z"}
    late = {"misfire": {"grace_seconds": 315_360_000}}
    installation.registry.register(task("s", schedule=once, params={"n": 1}, **late, **adds), catch_up=True)
    register(task("a", "s", params={"n": 10}, **adds), task("b", "s", params={"n": 100}, **adds))
    register(task("d", "a", "b", **adds), task("e", "d", "s", handler="handlers.add.shows"))
    results = {one["task_id"]: one["output"] for one in TaskScheduler().run_once()}
    assert results.pop("e") == {
        name: {"execution_id": execution_id, "status": "success", "output": output, "error": None}
        for name, execution_id, output in (
            ("d", "d@after-20260302T090000Z", 112),
            ("s", "s@20260302T090000Z", 1),
        )
    }
    assert results == {"s": 1, "a": 11, "b": 101, "d": 112}
    shown = mc("run", "show", "d@after-20260302T090000Z", "--json").json
    assert shown["root"] == "s@20260302T090000Z"
    assert shown["upstream"] == ["a@after-20260302T090000Z", "b@after-20260302T090000Z"]


@pytest.mark.usefixtures("sums")
def test_task_shows_what_its_next_run_waits_for(installation: Installation) -> None:
    adds = {"handler": "handlers.add.run"}
    register(task("s", **adds), task("a", "s", enabled=False, **adds), task("d", "s", "a"))
    TaskScheduler().execute_task("s")
    answer = mc("task", "show", "d")
    assert answer.code == 0, answer.err
    shown = answer.out
    assert "a (not begun), root s@manual-" in shown
    assert installation.ledger.runs_of("d") == []


def test_outputs_beyond_the_bound_are_left_out(installation: Installation) -> None:
    client = installation.client
    for at in range(6):
        text = json.dumps("x" * 250_000)
        client.hset(f"mc:run:t{at}@1", mapping={"state": "success", "output": text, "spec": "{}"})
    found = UpstreamRuns(client).outputs([f"t{at}@1" for at in range(6)])
    assert [one.get("left_out", False) for one in found.values()] == [False] * 4 + [True] * 2
    assert len(found["t3"]["output"]) == 250_000
    assert found["t5"]["output"] is None
