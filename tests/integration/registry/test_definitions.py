"""Definitions in the registry: parsed once, shown as given, applied again without a change."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from mission_control.errors import InvalidTaskError
from mission_control.files.task_file import write_task_file
from mission_control.model.definitions.task import TaskDefinition
from mission_control.operate.apply import apply_task_file
from tests.stage.live_installation import YEARLY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
        apply_task_file(installation.registry, file, installation.resources)

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
    registry.register(a_task("asks", pause_after_failures=3, notify={"to": ["ops"]}))
    file = tmp_path / "tasks.json"
    write_task_file(file, registry.definitions())
    exported = {one["id"]: one for one in json.loads(file.read_text())["tasks"]}
    unenforced = {"after", "join", "condition", "notify", "pause_after_failures", "probe_after"}
    for of_task in (exported.get, registry.get):
        assert not (of_task("plain") or {}).keys() & unenforced
        assert (of_task("asks") or {}).keys() & unenforced == {"pause_after_failures", "notify"}
    applied = apply_task_file(installation.registry, file, installation.resources).by_kind()
    assert (applied["unchanged"], applied["updated"]) == (["asks", "plain"], [])


def test_field_left_out_of_an_applied_file_is_removed_once(
    installation: Installation, tmp_path: Path
) -> None:
    registry = installation.registry
    registry.register(a_task(overlap="queue", priority=3))
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps({"tasks": [a_task()]}))
    assert apply_task_file(installation.registry, file, installation.resources).by_kind()["updated"] == ["a"]
    stored = registry.get("a") or {}
    assert stored["overlap"] == "skip"
    assert (stored["priority"], stored["metadata"]["revision"]) == (0, 2)
    assert apply_task_file(installation.registry, file, installation.resources).by_kind()["unchanged"] == [
        "a"
    ]


PAST = {"type": "once", "at": "2020-01-01T09:00:00Z"}
ENDED = {"type": "daily", "time": "09:00", "end": "2021-12-31"}


@pytest.mark.parametrize("over", [PAST, ENDED, {"type": "any", "schedules": [PAST, ENDED]}])
def test_schedule_that_is_over_is_refused_at_every_entrance(
    installation: Installation, tmp_path: Path, over: dict[str, Any]
) -> None:
    registry, file = installation.registry, tmp_path / "tasks.json"
    registry.register(a_task("other"))
    file.write_text(json.dumps([a_task("first"), a_task("late", schedule=over)]))
    for enter in (
        lambda: registry.register(a_task(schedule=over)),
        lambda: registry.update("other", {"schedule": over}),
        lambda: apply_task_file(registry, file, installation.resources),
    ):
        with pytest.raises(InvalidTaskError, match=r"schedule: .*: that is over; write a later time"):
            enter()
    assert registry.ids() == ["other"]
    spread = {"type": "once", "at": "9999-12-31T23:59:00Z", "timezone": "UTC", "spread_seconds": 604_800}
    with pytest.raises(InvalidTaskError, match="that is over"):
        registry.register(a_task(schedule=spread))
    assert registry.register(a_task(schedule=over, enabled=False))


def test_finished_task_is_registered_again_and_restored_from_its_file(
    installation: Installation, tmp_path: Path
) -> None:
    soon = a_task("soon", schedule={"type": "once", "at": "2026-11-01T09:00:00Z"})
    registry, file = installation.registry, tmp_path / "tasks.json"
    with time_machine.travel(datetime(2026, 10, 1, tzinfo=UTC), tick=False):
        assert registry.register(soon)
    assert not registry.register(soon)
    write_task_file(file, registry.definitions())
    for _ in range(2):
        assert apply_task_file(registry, file, installation.resources).by_kind()["unchanged"] == ["soon"]
        registry.unregister("soon")
        assert apply_task_file(registry, file, installation.resources).by_kind()["created"] == ["soon"]
        write_task_file(file, registry.definitions())
