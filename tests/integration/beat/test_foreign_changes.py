"""What programs that use RedBeat do to tasks, noticed and recorded by a real beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redbeat import RedBeatSchedulerEntry

from mission_control import get_task, list_tasks, register_task
from mission_control.audit.stream.reader import read_all
from mission_control.installation.installation import create_app
from mission_control.store import redis_keys
from tests.processes.beats import leading_beat
from tests.processes.still_beats import task
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


def changes_of(installation: Installation, task_id: str) -> list[tuple[Any, ...]]:
    """Return what was recorded of a task after its registration: change, actor, revision, changed fields."""
    records = [one for one in read_all(installation.settings.task_changes_log) if one["task_id"] == task_id]
    return [(one["change"], one["actor"], one["revision"], one["diff"].get("enabled")) for one in records[1:]]


def entry_of(installation: Installation, name: str) -> Any:
    return RedBeatSchedulerEntry.from_key(f"redbeat:{name}", app=create_app("other", lambda: installation))


def save(entry: Any, *, enabled: bool) -> None:
    entry.enabled = enabled
    entry.save()


def is_enabled(name: str) -> bool | None:
    found = get_task(name)
    return None if found is None else found["enabled"]


def test_task_that_redbeat_disables_enables_or_deletes_is_changed_on_record(
    installation: Installation,
) -> None:
    names = ("disabled", "toggled", "deleted", "wiped", "untouched")
    for name in names:
        assert register_task(task(name, params={"enabled": False}))
    with leading_beat(installation):
        toggled = entry_of(installation, "toggled")
        for entry in (toggled, entry_of(installation, "disabled")):
            save(entry, enabled=False)
        wait_until(lambda: is_enabled("toggled") is is_enabled("disabled") is False, "both are disabled")
        save(toggled, enabled=True)
        entry_of(installation, "deleted").delete()
        installation.client.delete("redbeat:wiped")  # as redis-cli does
        installation.client.zrem("redbeat::schedule", "redbeat:wiped")
        wait_until(lambda: is_enabled("toggled"), "it is enabled")
        gone = ("deleted", "wiped")
        wait_until(
            lambda: all(changes_of(installation, name) for name in gone), "what was deleted is removed"
        )
    off, on = {"from": True, "to": False}, {"from": False, "to": True}
    assert {name: changes_of(installation, name) for name in names} == {
        "disabled": [("disabled", "redbeat", 2, off)],
        "toggled": [("disabled", "redbeat", 2, off), ("enabled", "redbeat", 3, on)],
        "deleted": [("unregistered", "redbeat", 1, {"from": True, "to": None})],
        "wiped": [("unregistered", "redbeat", 1, {"from": True, "to": None})],
        "untouched": [],
    }
    left = {"disabled", "toggled", "untouched"}
    assert {one["id"] for one in list_tasks(enabled_only=False)} == set(installation.registry.ids()) == left
    assert installation.client.exists(redis_keys.revisions("deleted")) == 0
    assert installation.client.zscore("redbeat::schedule", "redbeat:toggled") == due_of_another(installation)
    assert register_task(task("deleted"))


def due_of_another(installation: Installation) -> float | None:
    """Return when the task that was left alone is due, as any other of its schedule should be."""
    return installation.client.zscore("redbeat::schedule", "redbeat:untouched")
