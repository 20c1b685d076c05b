"""What programs that use RedBeat do to tasks, noticed and recorded by a real beat."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import time_machine
from redbeat import RedBeatSchedulerEntry

from mission_control import get_task, list_tasks, register_task
from mission_control.audit.stream.reader import read_all
from mission_control.installation.installation import create_app
from mission_control.store import redis_keys
from tests.processes.beats import leading_beat
from tests.processes.still_beats import NINE, beat_of, task
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


IRREGULAR = {"type": "cron", "expression": "0 9,14,15 * * *"}


def test_task_that_redbeat_puts_off_fires_at_its_own_times(installation: Installation) -> None:
    def at(hour: float) -> Any:
        return time_machine.travel(NINE + timedelta(hours=hour - 9), tick=False)

    with at(8):
        assert register_task(task("saved", schedule=IRREGULAR, overlap="allow"))
        assert register_task(task("taken_off", schedule=IRREGULAR, overlap="allow"))
    with at(14.5):
        beat_of(installation).tick()
        entry_of(installation, "saved").reschedule()  # for five hours later, by the gap after nine o'clock
        installation.client.zrem("redbeat::schedule", "redbeat:taken_off")
        beat_of(installation).tick()
    with at(15):
        beat_of(installation).tick()
    for name in ("saved", "taken_off"):
        runs = installation.ledger.runs_of(name)[::-1]
        assert [run.scheduled_time.hour for run in runs] == [9, 14, 15]
        assert [str(run.state) for run in runs] == ["missed", "dispatched", "dispatched"]


def test_due_time_that_another_program_rounded_up_loses_no_occurrence(installation: Installation) -> None:
    with time_machine.travel(NINE - timedelta(hours=1), tick=False):
        assert register_task(task("nine"))
        beat = beat_of(installation)
        beat.tick()
    installation.client.zadd("redbeat::schedule", {"redbeat:nine": NINE.timestamp() + 20})
    with time_machine.travel(NINE + timedelta(seconds=20), tick=False):
        beat.tick()
        beat.tick()
    assert [run.scheduled_time for run in installation.ledger.runs_of("nine")] == [NINE]


def test_task_with_a_fixed_delay_that_redbeat_saves_waits_for_the_end_of_its_run(
    installation: Installation,
) -> None:
    delay = {"type": "interval", "minutes": 5, "measure_from": "finish"}
    with time_machine.travel(NINE, tick=False):
        assert register_task(task("delayed", schedule=delay))
        beat = beat_of(installation)
        entry_of(installation, "delayed").save()  # its due time is rounded, and early
        beat.tick()
    with time_machine.travel(NINE + timedelta(minutes=5), tick=False):
        beat.tick()
        (run,) = installation.ledger.runs_of("delayed")
        entry_of(installation, "delayed").reschedule(NINE)  # while the run goes on
        beat.tick()
        beat.tick()
    assert run.scheduled_time == NINE + timedelta(minutes=5)
    assert installation.ledger.runs_of("delayed") == [run]
    assert installation.client.zscore("redbeat::schedule", "redbeat:delayed") is None


def test_task_that_redbeat_dates_back_repeats_no_occurrence(installation: Installation) -> None:
    every = {"type": "interval", "hours": 1}
    with time_machine.travel(NINE - timedelta(hours=30), tick=False):
        assert register_task(
            task("hourly", schedule=every, misfire={"policy": "all", "grace_seconds": 10**6})
        )
    with time_machine.travel(NINE, tick=False):
        beat_of(installation).tick()
        runs = installation.ledger.runs_of("hourly", limit=100)
        for run in runs:
            installation.client.delete(redis_keys.run(run.execution_id))  # its retention has ended
        entry_of(installation, "hourly").reschedule(NINE - timedelta(hours=20))
        beat_of(installation).tick()
    assert len(runs) == 30
    assert installation.client.keys(redis_keys.run("hourly@*")) == []
    assert installation.client.zscore("redbeat::schedule", "redbeat:hourly") == NINE.timestamp() + 3600
