"""A user of Redis who has no channels, as `ACL SETUSER … resetchannels` makes one, which is the default."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.configuration.clock import utc_now
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation
from tests.processes.beats import leading_beat
from tests.samples.spoilt import HANDLER
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with RedisServer() as server:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "mc", "on", ">pw", "~*", "+@all", "resetchannels")
        url = f"redis://mc:pw@127.0.0.1:{server.port}/0"
        yield Installation(read_settings(redis_url=url, data_dir=tmp_path, notify=()))


def once(name: str, seconds: float) -> dict[str, object]:
    at = (utc_now() + timedelta(seconds=seconds)).isoformat()
    return {"id": name, "handler": HANDLER, "schedule": {"type": "once", "at": at}}


def test_tasks_without_permission_for_channels_fire_on_time(place: Installation) -> None:
    assert place.registry.register(once("first", 60))
    with leading_beat(place) as beat:
        assert place.registry.register(once("task", 2.5), catch_up=True)
        (run,) = wait_until(lambda: place.ledger.runs_of("task"), "the task fires")
        assert run.dispatched_at - run.scheduled_time < timedelta(seconds=30)  # "first" is due later
        assert beat.log.count("changes are noticed a second late") == 1
        assert "waiting for Redis" not in beat.log
        assert beat.stop() == 0
