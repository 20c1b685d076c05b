"""Definitions in the registry: parsed once, shown as given, applied again without a change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mission_control.files.task_file import write_task_file
from mission_control.model.definitions.task import TaskDefinition
from mission_control.operate.apply import apply_task_file
from tests.stage.live_installation import YEARLY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from mission_control.installation.installation import Installation


def a_task(task_id: str = "a", **changes: Any) -> dict[str, Any]:
    return {"id": task_id, "schedule": YEARLY, "handler": "handlers.hello.run", **changes}


def test_definition_is_parsed_once_per_change(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, parsed = installation.registry, list[object]()
    parse = TaskDefinition.model_validate

    def counted(data: object, **how: Any) -> TaskDefinition:
        parsed.append(data)
        return parse(data, **how)

    monkeypatch.setattr(TaskDefinition, "model_validate", counted)
    file = tmp_path / "tasks.json"

    def parses(change: Callable[[], object]) -> int:
        parsed.clear()
        change()
        return len(parsed)

    def apply(*tasks: dict[str, Any]) -> None:
        file.write_text(json.dumps({"tasks": tasks}))
        apply_task_file(installation.registry, file)

    assert parses(lambda: registry.register(a_task())) == 1
    assert parses(lambda: registry.update("a", {"description": "greets"})) == 1
    assert parses(lambda: registry.disable("a")) == 1
    assert parses(lambda: registry.enable("a")) == 1
    assert parses(lambda: apply(a_task(priority=3), a_task("b"))) == 2
    assert parses(lambda: registry.unregister("a")) == 0


def test_exported_tasks_claim_nothing_unenforced_and_apply_without_a_revision(
    installation: Installation, tmp_path: Path
) -> None:
    registry = installation.registry
    registry.register(a_task("plain"))
    registry.register(a_task("asks", overlap="queue", notify={"to": ["ops"]}))
    file = tmp_path / "tasks.json"
    write_task_file(file, registry.definitions())
    exported = {one["id"]: one for one in json.loads(file.read_text())["tasks"]}
    unenforced = {"overlap", "after", "join", "condition", "pause_after_failures", "notify"}
    for of_task in (exported.get, registry.get):
        assert not (of_task("plain") or {}).keys() & unenforced
        assert (of_task("asks") or {}).keys() & unenforced == {"overlap", "notify"}
    applied = apply_task_file(installation.registry, file)
    assert (applied.unchanged, applied.updated) == (("asks", "plain"), ())


def test_field_left_out_of_an_applied_file_is_removed_once(
    installation: Installation, tmp_path: Path
) -> None:
    registry = installation.registry
    registry.register(a_task(overlap="queue", priority=3))
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps({"tasks": [a_task()]}))
    assert apply_task_file(installation.registry, file).updated == ("a",)
    stored = registry.get("a") or {}
    assert "overlap" not in stored
    assert (stored["priority"], stored["metadata"]["revision"]) == (0, 2)
    assert apply_task_file(installation.registry, file).unchanged == ("a",)
