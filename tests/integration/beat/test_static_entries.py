"""The entries of `beat_schedule` in the Celery configuration, on a real Redis."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from mission_control.store.redis_keys import BEAT_LEADER
from tests.processes.beats import sent_ids
from tests.processes.still_beats import HANDLER, NINE, app_with, beat_of, task
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


def test_static_entries_are_installed_kept_changed_and_removed(installation: Installation) -> None:
    client = installation.client
    entry = {"task": HANDLER, "schedule": 60.0}
    two = {"kept": entry, "removed": entry}
    with time_machine.travel(NINE + timedelta(seconds=0.7), tick=False):
        beat_of(installation, app_with(installation, beat_schedule=two)).tick()
    for seconds in (30.9, 60.6, 60.7):
        with time_machine.travel(NINE + timedelta(seconds=seconds), tick=False):
            beat = beat_of(installation, app_with(installation, beat_schedule={"kept": entry}))
            beat.tick()
            beat.tick()
    assert sent_ids(client) == ["kept@20260302T090100.700Z"]
    assert not client.exists("redbeat:removed")
    assert client.smembers("redbeat::statics") == {"kept"}
    changed = {"kept": {**entry, "schedule": 90.0}}
    for seconds in (61, 150.6, 150.7):
        with time_machine.travel(NINE + timedelta(seconds=seconds), tick=False):
            beat = beat_of(installation, app_with(installation, beat_schedule=changed))
            beat.tick()
            beat.tick()
    assert sent_ids(client)[1:] == ["kept@20260302T090230.700Z"]


def test_corrupt_static_entry_is_replaced_and_an_invalid_one_left_out(installation: Installation) -> None:
    installation.client.set("redbeat:spoilt", "not a hash")
    entry = {"task": HANDLER, "schedule": 60.0}
    entries = {"spoilt": entry, "bad": {"task": HANDLER, "colour": "red"}, "two\nlines": entry}
    with time_machine.travel(NINE, tick=False):
        beat_of(installation, app_with(installation, beat_schedule=entries)).tick()
    assert installation.client.zscore("redbeat::schedule", "redbeat:spoilt") is not None
    assert installation.client.zrange("redbeat::schedule", 0, -1) == ["redbeat:spoilt"]


def test_static_entries_return_after_redis_lost_its_data(installation: Installation) -> None:
    app = app_with(installation, beat_schedule={"fixed": {"task": HANDLER, "schedule": 60.0}})
    with time_machine.travel(NINE, tick=False):
        beat = beat_of(installation, app)
        beat.tick()
        due = installation.client.zscore("redbeat::schedule", "redbeat:fixed")
        installation.client.flushall()
        beat.tick()
    assert due is not None
    assert installation.client.zscore("redbeat::schedule", "redbeat:fixed") == due
    assert installation.client.smembers("redbeat::statics") == {"fixed"}


def test_static_entries_return_after_a_beat_with_another_configuration_led(
    installation: Installation,
) -> None:
    app = app_with(installation, beat_schedule={"fixed": {"task": HANDLER, "schedule": 60.0}})
    with time_machine.travel(NINE, tick=False):
        beat, other = beat_of(installation, app), beat_of(installation)
        other._name = "of an older configuration"
        beat.tick()
        installation.client.delete(BEAT_LEADER)
        other.tick()
        assert installation.client.exists("redbeat:fixed") == 0
        other.close()
        beat.tick()
    assert installation.client.zscore("redbeat::schedule", "redbeat:fixed") is not None


def test_static_entry_with_the_name_of_a_task_leaves_the_task_alone(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    same = {"nine": {"task": "theirs", "schedule": 60.0}}
    with time_machine.travel(NINE, tick=False):
        assert installation.registry.register(task())
        due = installation.client.zscore("redbeat::schedule", "redbeat:nine")
        beat_of(installation, app_with(installation, beat_schedule=same)).tick()
    assert "a task has this id" in caplog.text
    assert installation.client.zscore("redbeat::schedule", "redbeat:nine") == due
    assert installation.registry.get("nine") is not None
    assert installation.client.smembers("redbeat::statics") == set()


def test_task_with_the_name_of_a_removed_static_entry_stays(installation: Installation) -> None:
    with time_machine.travel(NINE, tick=False):
        installation.registry.register(task())
        installation.client.sadd("redbeat::statics", "nine")
        beat_of(installation).tick()
    assert installation.registry.get("nine") is not None
    assert installation.client.zscore("redbeat::schedule", "redbeat:nine") is not None
    assert installation.client.smembers("redbeat::statics") == set()


@pytest.mark.parametrize(
    ("backend", "installed"), [(None, set()), ("file:///tmp", {"celery.backend_cleanup"}), ("rpc://", set())]
)
def test_result_backend_without_expiry_is_cleaned_up_as_with_redbeat(
    installation: Installation, backend: str | None, installed: set[str]
) -> None:
    app = app_with(installation, result_backend=backend)
    with time_machine.travel(NINE, tick=False):
        beat_of(installation, app).tick()
    assert installation.client.smembers("redbeat::statics") == installed


def test_list_of_static_entries_returns(installation: Installation) -> None:
    app = app_with(installation, beat_schedule={"fixed": {"task": HANDLER, "schedule": 60.0}})
    with time_machine.travel(NINE, tick=False):
        beat = beat_of(installation, app)
        beat.tick()
        installation.client.delete("redbeat::statics")
        wait_until(lambda: beat.tick() or installation.client.exists("redbeat::statics"), "it is back")
    assert installation.client.smembers("redbeat::statics") == {"fixed"}
