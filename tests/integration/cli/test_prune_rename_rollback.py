"""`task apply --prune` and `--rename`, and `task rollback`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mission_control.registry.registry import Registry
from mission_control.store import redis_keys
from tests.stage.command_line import mc
from tests.stage.planned_files import CAKE, DAILY, TEA, registered, write

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation

pytestmark = pytest.mark.usefixtures("installation")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tasks.json"


def test_prune_removes_only_what_its_file_had(file: Path, installation: Installation) -> None:
    other = file.with_name("other.json")
    mc("task", "apply", write(file, TEA, CAKE, {"id": "bun", **DAILY}))
    mc("task", "apply", write(other, {"id": "elsewhere", **DAILY}, {"id": "bun", **DAILY}))
    installation.registry.register({"id": "by_hand", **DAILY})
    installation.registry.unregister("cake")
    installation.registry.register(CAKE)  # by hand again
    assert mc("task", "apply", write(file, {"id": "only", **DAILY}), "--prune").out == "+ only\n- tea\n"
    assert registered() == ["bun", "by_hand", "cake", "elsewhere", "only"]
    assert mc("task", "apply", write(file), write(other), "--prune", "--json").json["removed"] == [
        "bun",
        "elsewhere",
        "only",
    ]


def test_prune_removes_a_pipeline_from_its_end_and_keeps_what_others_come_after(
    file: Path, installation: Installation
) -> None:
    after = {"id": "bun", "after": [{"task": "tea"}], "handler": DAILY["handler"]}
    last = {"id": "a_last", "after": [{"task": "bun"}], "handler": DAILY["handler"]}
    mc("task", "apply", write(file, TEA, after, last))
    installation.registry.register({**after, "id": "other"})
    answer = mc("task", "apply", write(file), "--prune")
    assert (answer.code, registered()) == (2, ["a_last", "bun", "other", "tea"])
    assert "tea: would be removed, and others come after it: other; change them, too" in answer.err
    installation.registry.unregister("other")
    assert mc("task", "apply", write(file), "--prune").out == "- a_last\n- bun\n- tea\n"


def test_several_files_are_one_plan_and_a_task_in_two_is_refused(file: Path) -> None:
    other = file.with_suffix(".yaml")
    other.write_text("tasks:\n- {id: bun, after: [{task: tea}], handler: handlers.hello.run}\n")
    assert mc("task", "apply", str(other), write(file, TEA)).out == "+ tea\n+ bun\n"
    answer = mc("task", "plan", str(other), write(file, {"id": "bun", **DAILY}))
    assert (answer.code, answer.out) == (2, "")
    assert f"{file}: 'bun' is in another of the files, too" in answer.err


def test_rename_keeps_counters_and_the_plan_suggests_it(file: Path, installation: Installation) -> None:
    mc("task", "apply", write(file, {**TEA, "params": {"a": 1}}, CAKE))
    installation.client.hset(redis_keys.history("tea"), mapping={"total_runs": 3, "success_count": 3})
    args = write(file, {**TEA, "id": "chai", "params": {"a": 1}}, CAKE)
    assert (
        "chai looks like a rename of tea: --rename tea=chai keeps its history" in mc("task", "plan", args).err
    )
    lines = mc("task", "plan", args, "--rename", "tea=chai").out.splitlines()
    assert [one for one in lines if one[0] != " "] == ["> chai (was tea)", "- tea"]
    assert {"    id: tea → chai", "    name: tea → chai"} <= set(lines)
    answer = mc("task", "apply", args, "--rename", "tea=chai")
    assert (answer.code, answer.out) == (0, "= cake\n> chai\n- tea\n")
    assert registered() == ["cake", "chai"]
    assert mc("task", "show", "chai", "--json").json["execution_history"]["total_runs"] == 3


def test_rename_that_was_stopped_is_finished_by_the_same_command(
    file: Path, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    mc("task", "apply", write(file, TEA))
    installation.client.hset(redis_keys.history("tea"), "total_runs", 3)
    args = "task", "apply", write(file, {**TEA, "id": "chai"}), "--rename", "tea=chai"

    def stopped(*_args: object, **_how: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopping:
        stopping.setattr(Registry, "unregister", stopped)
        assert mc(*args).code == 1
    assert registered() == ["chai", "tea"]
    assert mc(*args).code == 0
    shown = mc("task", "show", "chai", "--json").json
    assert (shown["execution_history"]["total_runs"], shown["metadata"]["revision"]) == (3, 1)
    assert registered() == ["chai"]


@pytest.mark.parametrize(
    ("rename", "code", "reported"),
    [
        ("te=chai", 3, 'cannot be renamed: it is not registered; did you mean "tea"?'),
        ("cake=chai", 3, "cannot be renamed: the files have it"),
        ("tea=chia", 3, 'is not in the files; did you mean "chai"?'),
        ("tea", 2, "'tea' is not OLD=NEW"),
    ],
)
def test_rename_that_cannot_be_is_refused(file: Path, rename: str, code: int, reported: str) -> None:
    mc("task", "apply", write(file, TEA, CAKE))
    answer = mc("task", "apply", write(file, {**TEA, "id": "chai"}, CAKE), "--rename", rename)
    assert (answer.code, registered()) == (code, ["cake", "tea"])
    assert reported in answer.err


def test_rollback_restores_a_revision_with_its_secrets_as_a_new_one(installation: Installation) -> None:
    registry = installation.registry
    registry.register({**TEA, "params": {"password": "sesame"}})
    registry.update("tea", {"params": {"password": "other"}, "priority": 3})
    registry.update("tea", {"enabled": False})
    shown = mc("task", "rollback", "tea", "--to", "1", "--dry-run")
    assert {"    params.password: *** → ***", "    enabled: false → true"} <= set(shown.out.splitlines())
    assert (registry.get("tea") or {})["metadata"]["revision"] == 3
    answer = mc("task", "rollback", "tea", "--to", "1", "--reason", "too early")
    assert (answer.code, "sesame" in answer.out + answer.err) == (0, False)
    stored = registry.get("tea") or {}
    assert (stored["params"], stored["priority"], stored["enabled"]) == ({"password": "sesame"}, 0, True)
    assert stored["metadata"]["revision"] == 4
    assert "rolled back to revision 1: too early" in mc("task", "revisions", "tea").out
    assert mc("task", "rollback", "tea").code == 0  # by default to the one before
    assert (registry.get("tea") or {})["enabled"] is False


def test_rollback_as_a_plan_is_applied_unless_the_task_changed_since(
    installation: Installation, tmp_path: Path
) -> None:
    registry, plan = installation.registry, tmp_path / "plan.json"
    registry.register(TEA)
    registry.update("tea", {"priority": 3})
    assert mc("task", "rollback", "tea", "--out", str(plan)).code == 0
    assert mc("task", "apply", str(plan), "--dry-run").code == 0
    assert mc("task", "apply", str(plan)).out == "~ tea\n"
    assert (registry.get("tea") or {})["priority"] == 0
    assert mc("task", "apply", str(plan)).code == 4


def test_rollback_without_a_kept_revision_is_refused_with_the_reason(installation: Installation) -> None:
    registry = installation.registry
    registry.register({**TEA, "params": {"password": "sesame"}})
    refusals = {
        ("tea",): "revision 0 is not kept; there is no other",
        ("tea", "--to", "1"): "revision 1 is the present one",
        ("tea", "--to", "9"): "revision 9 is not kept",
    }
    registry.register(CAKE)
    registry.unregister("cake")
    refusals["cake", "--to", "1"] = "none of its revisions is kept"
    for args, reported in refusals.items():
        answer = mc("task", "rollback", *args)
        assert (answer.code, answer.out) == (3, "")
        assert reported in answer.err
    assert (registry.get("tea") or {})["metadata"]["revision"] == 1


def test_rollback_of_signed_tasks_is_a_plan_that_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installation: Installation
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_SIGNING_KEY", "k" * 64)
    plan = tmp_path / "plan.json"
    assert mc("task", "add", "--id", "tea", "--daily", "09:00", "--handler", "handlers.hello.run").code == 0
    assert mc("task", "update", "tea", "--set", "priority=3").code == 0
    answer = mc("task", "rollback", "tea")
    assert (answer.code, answer.out) == (4, "")
    assert "former revisions are not signed; look at the plan first" in answer.err
    assert mc("task", "rollback", "tea", "--out", str(plan)).code == 0
    assert mc("task", "apply", str(plan)).code == 0
    assert (installation.registry.get("tea") or {})["priority"] == 0
