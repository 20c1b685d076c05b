"""What others have left in Redis before beat starts: it starts to work all the same."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.configuration.clock import utc_now
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation
from mission_control.store import redis_keys
from tests.processes.beats import BeatProcess, leading_beat
from tests.processes.still_beats import beat_of
from tests.samples.spoilt import HANDLER, KEY, NAME, plain, spoil
from tests.stage.live_installation import YEARLY
from tests.stage.quarantine import quarantined_tasks
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with RedisServer() as server:
        installation = Installation(read_settings(redis_url=server.url, data_dir=tmp_path, notify=()))
        # The first registration imports all that is needed; an instant set before that would have passed.
        installation.registry.register({"id": "first", "schedule": YEARLY, "handler": HANDLER})
        yield installation


def good_task_fires(place: Installation) -> None:
    at = (utc_now() + timedelta(seconds=0.1)).isoformat()
    good = {"id": "good", "schedule": {"type": "once", "at": at}, "handler": HANDLER}
    assert place.registry.register(good, catch_up=True)  # the moment may have passed on a busy machine
    wait_until(lambda: place.ledger.runs_of("good"), "the good task fires")


def test_unreadable_note_in_quarantine_does_not_stop_beat(place: Installation) -> None:
    place.client.hset(redis_keys.BEAT_QUARANTINE, redis_keys.DEFAULT_REDBEAT_KEYS.schedule, "oops")
    place.client.execute_command("HSET", redis_keys.BEAT_QUARANTINE, redis_keys.TASKS, b"\xff")  # type: ignore[no-untyped-call]  # redis-py's
    with leading_beat(place) as beat:
        good_task_fires(place)
        assert beat.exit_code is None
        assert "Traceback" not in beat.log


def test_static_entries_key_of_the_wrong_type_does_not_stop_beat(place: Installation) -> None:
    spoil(place, redis_keys.DEFAULT_REDBEAT_KEYS.statics, "string")
    with leading_beat(place) as beat:
        good_task_fires(place)
        assert beat.exit_code is None
        assert (
            f"event=key_of_wrong_type key={redis_keys.DEFAULT_REDBEAT_KEYS.statics} found=string" in beat.log
        )


def test_static_entry_name_that_is_not_text_does_not_stop_beat(place: Installation) -> None:
    place.client.sadd(redis_keys.DEFAULT_REDBEAT_KEYS.statics, b"\xff")
    with leading_beat(place) as beat:
        good_task_fires(place)
        assert beat.exit_code is None


def test_quarantine_note_of_a_deleted_entry_is_removed(place: Installation) -> None:
    place.client.hset(KEY, mapping=plain(args="abc"))
    place.client.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {KEY: 1})
    with leading_beat(place) as beat:
        wait_until(lambda: NAME in quarantined_tasks(place.client, place.redbeat_keys), "it is set aside")
        beat.stop()
    place.client.delete(KEY)
    with leading_beat(place):
        wait_until(
            lambda: NAME not in quarantined_tasks(place.client, place.redbeat_keys), "its note is removed"
        )


def test_unusable_setting_stops_beat_with_one_sentence(place: Installation) -> None:
    with BeatProcess(place, {"MISSION_CONTROL_LEADER_SECONDS": "soon"}) as beat:
        assert wait_until(lambda: beat.exit_code, "beat has ended", timeout=20) == 1
        assert beat.log.startswith("beat ends: settings that cannot be used")
        assert "MISSION_CONTROL_LEADER_SECONDS" in beat.log
        assert "Traceback" not in beat.log


def test_unexpected_error_is_logged_and_retried(
    place: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    beat = beat_of(place)

    def fail(_: float) -> bool:
        raise RuntimeError("what is this?")

    monkeypatch.setattr(beat, "_wait_until", fail)
    assert beat.tick() == 1.0
    assert "RuntimeError: what is this?" in caplog.text
    assert "Traceback" in caplog.text
    monkeypatch.undo()
    assert beat.tick() == 0.0
    beat.close()
