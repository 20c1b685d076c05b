"""What the registry promises its callers, on a real server."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from redis.exceptions import NoPermissionError

from mission_control.audit.stream.reader import read_all
from mission_control.configuration.settings import read_settings
from mission_control.errors import InvalidTaskError
from mission_control.installation.installation import Installation, current_installation
from mission_control.operate.apply import apply_task_file
from mission_control.registry.checked_task import CheckedTask
from mission_control.registry.stored_task import stored_form
from mission_control.registry.task_store import TaskStore, TaskWrite
from mission_control.store import redis_keys
from tests.stage.live_installation import YEARLY

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.registry.registry import Registry

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def a_task(task_id: str = "a", **changes: Any) -> dict[str, Any]:
    return {"id": task_id, "schedule": YEARLY, "handler": "handlers.hello.run", **changes}


@pytest.fixture
def registry(installation: Installation) -> Registry:
    return installation.registry


def changes(installation: Installation) -> list[dict[str, Any]]:
    path = installation.settings.task_changes_log
    return list(read_all(path)) if path.exists() else []


def due(installation: Installation, task_id: str = "a") -> datetime | None:
    score = installation.client.zscore(
        redis_keys.DEFAULT_REDBEAT_KEYS.schedule, redis_keys.DEFAULT_REDBEAT_KEYS.entry(task_id)
    )
    return None if score is None else datetime.fromtimestamp(float(score), UTC)


def test_registry_changes_each_leave_a_revision_and_a_change_record(
    installation: Installation, registry: Registry
) -> None:
    registry.register(a_task(), reason="needed")
    registry.update("a", {"description": "greets"})
    registry.update("a", {"description": "greets"})  # changes nothing
    registry.disable("a")
    registry.enable("a")
    kept = registry.revisions("a")
    registry.unregister("a", reason="no longer needed")

    assert [one["metadata"]["revision"] for one in kept] == [4, 3, 2, 1]
    found = [(one["change"], one["revision"], one["reason"]) for one in changes(installation)]
    assert found == [
        ("registered", 1, "needed"),
        ("updated", 2, None),
        ("disabled", 3, None),
        ("enabled", 4, None),
        ("unregistered", 4, "no longer needed"),
    ]
    assert changes(installation)[1]["diff"]["description"] == {"from": "", "to": "greets"}


def test_tasks_that_redis_took_have_their_records_although_it_refused_another(
    installation: Installation,
) -> None:
    admin: Any = installation.client
    keys = ["mc:*", "redbeat::*", "redbeat:taken*"]
    admin.acl_setuser("some", enabled=True, passwords="+pw", commands=["+@all"], keys=keys, channels=["*"])
    address = str(installation.settings.redis_url).rpartition("@")[2].removeprefix("redis://")
    limited = Installation(
        read_settings(redis_url=f"redis://some:pw@{address}", data_dir=installation.settings.data_dir)
    ).registry
    tasks = [CheckedTask.of(limited.check.parse_new(a_task(name))) for name in ("taken1", "taken2")]
    refused = replace(tasks[0], id="refused", own="{}")
    edits = [(task, None) for task in (tasks[0], refused, tasks[1])]
    try:
        with pytest.raises(NoPermissionError):
            limited._writes.begin(limited._writes.prepared(edits, "updated", None))()
    finally:
        admin.acl_deluser("some")
    assert [one["task_id"] for one in changes(installation)] == ["taken1", "taken2"]
    assert installation.registry.ids() == ["taken1", "taken2"]


def test_removed_task_leaves_only_its_runs(installation: Installation, registry: Registry) -> None:
    registry.register(a_task())
    registry.unregister("a")
    keys = [key for key in installation.client.scan_iter("*") if not key.startswith("mc:audit:")]
    assert sorted(keys) == [redis_keys.PREFIX_IN_USE, redis_keys.EDITS]


def test_task_registered_again_starts_with_an_empty_history(
    installation: Installation, registry: Registry
) -> None:
    installation.client.hset(redis_keys.history("a"), mapping={"total_runs": 3, "failure_count": 3})
    registry.register(a_task())
    shown = registry.get("a")
    assert shown is not None
    assert shown["execution_history"]["total_runs"] == 0


def test_registering_editing_and_enabling_never_fire_by_surprise(
    installation: Installation, registry: Registry
) -> None:
    daily = {"type": "daily", "time": "09:00"}
    with time_machine.travel(NOON, tick=False) as clock:
        registry.register(a_task(schedule=daily))
        assert due(installation) == NOON + timedelta(hours=21)
        registry.update("a", {"schedule": {"type": "daily", "time": "11:59"}})
        assert due(installation) == NOON + timedelta(hours=23, minutes=59)
        registry.disable("a")
        assert due(installation) is None
        clock.shift(timedelta(days=3))
        registry.enable("a")
        assert due(installation) == NOON + timedelta(days=3, hours=23, minutes=59)


def test_edit_without_schedule_change_keeps_the_due_time(
    installation: Installation, registry: Registry
) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        registry.register(a_task(schedule={"type": "daily", "time": "12:01"}))
        clock.shift(timedelta(minutes=5))
        registry.update("a", {"description": "edited while due"})
        assert due(installation) == NOON + timedelta(minutes=1)


def test_invalid_update_changes_nothing(installation: Installation, registry: Registry) -> None:
    registry.register(a_task())
    before = registry.get("a")
    with pytest.raises(InvalidTaskError) as caught:
        registry.update("a", {"handler": "handlers.nowhere.run", "queue": "a b", "retry_policy": {"max": 1}})
    assert len(caught.value.problems) == 3
    assert registry.get("a") == before
    assert len(changes(installation)) == 1


def test_edit_of_a_concurrently_replaced_task_does_not_overwrite_it(
    installation: Installation, registry: Registry
) -> None:
    registry.register(a_task(description="first"))
    store = TaskStore(installation.client)
    seen = store.load(["a"])[0]
    registry.unregister("a")
    registry.register(a_task(description="second"))
    edited = registry.check.parse({**registry.revisions("a")[0], "description": "edit of the first"})
    write = TaskWrite(stored_form(edited), edited.schedule, seen, None)
    assert store.begin_to_put([write], now=NOON)() == [False]
    shown = registry.get("a")
    assert shown is not None
    assert shown["description"] == "second"


def test_unreadable_definition_does_not_hide_the_others(registry: Registry, tmp_path: Path) -> None:
    calendar = tmp_path / "holidays.ics"
    calendar.write_text("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nEND:VCALENDAR\n", "utf-8")
    excluding = {"type": "daily", "time": "09:00", "exclude": [{"ics": str(calendar)}]}
    registry.register(a_task("calendar", schedule=excluding))
    registry.register(a_task("plain"))
    calendar.unlink()
    assert [one["id"] for one in registry.tasks()] == ["calendar", "plain"]
    assert registry.get("calendar") is not None
    assert registry.register(a_task("another"))
    assert registry.unregister("calendar")


def test_change_stands_when_its_record_cannot_be_written(
    installation: Installation, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    installation.settings.data_dir.mkdir(parents=True)
    (installation.settings.data_dir / "logs").write_text("a file where a folder should be", "utf-8")
    assert registry.register(a_task())
    assert registry.get("a") is not None
    assert "audit record not written" in caplog.text


class TestMirror:
    @pytest.fixture
    def installation(self, installation: Installation, bare_environment: pytest.MonkeyPatch) -> Installation:
        file = installation.settings.data_dir / "mirror" / "tasks.json"
        bare_environment.setenv("MISSION_CONTROL_TASKS_FILE", str(file))
        return current_installation()

    def mirrored(self, installation: Installation) -> list[str]:
        file = installation.settings.default_tasks_file
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        return [task["id"] for task in json.loads(file.read_text("utf-8"))["tasks"]]

    def test_mirror_file_follows_every_change(self, installation: Installation) -> None:
        registry = installation.registry
        registry.register(a_task("a"))
        registry.register(a_task("b"))
        assert self.mirrored(installation) == ["a", "b"]
        registry.unregister("a")
        assert self.mirrored(installation) == ["b"]

    def test_applying_a_file_writes_the_mirror_once(
        self, installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[Path] = []

        def count(path: Path, *_: object) -> None:
            written.append(path)

        monkeypatch.setattr("mission_control.files.task_file.write_task_file", count)
        file = tmp_path / "many.json"
        file.write_text(json.dumps([a_task(f"t{number}") for number in range(20)]), "utf-8")
        assert apply_task_file(installation.registry, file, installation.resources).counts()["created"] == 20
        assert written == [installation.settings.tasks_file]

    def test_change_stands_when_the_mirror_cannot_be_written(
        self, installation: Installation, caplog: pytest.LogCaptureFixture
    ) -> None:
        installation.settings.data_dir.mkdir(parents=True)
        (installation.settings.data_dir / "mirror").write_text("a file where a folder should be", "utf-8")
        assert installation.registry.register(a_task())
        assert installation.registry.get("a") is not None
        assert "task file not mirrored" in caplog.text


class TestFixedDelay:
    SCHEDULE = {"type": "interval", "minutes": 10, "measure_from": "finish"}  # noqa: RUF012

    def test_fixed_delay_task_is_due_one_period_after_its_run_ended(self, registry: Registry) -> None:
        registry.register(a_task(schedule=self.SCHEDULE))
        assert registry.due_after_run("a", NOON) == (NOON + timedelta(minutes=10)).timestamp()

    @pytest.mark.parametrize("change", [{"enabled": False}, None], ids=["disabled", "removed"])
    def test_disabled_or_removed_fixed_delay_task_is_not_due(
        self, registry: Registry, change: dict[str, Any] | None
    ) -> None:
        registry.register(a_task(schedule=self.SCHEDULE))
        _ = registry.unregister("a") if change is None else registry.update("a", change)
        assert registry.due_after_run("a", NOON) is None
