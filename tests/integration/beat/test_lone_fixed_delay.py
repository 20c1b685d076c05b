"""What a beat does whose only task has a fixed delay: its firing empties the schedule each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from beat.scheduler import MissionControlScheduler
from beat.turn.lead import Turn
from beat.upkeep import schedule_upkeep
from beat.upkeep.schedule_upkeep import ScheduleUpkeep
from mission_control.installation.installation import create_app
from mission_control.store import redis_keys
from tests.samples.spoilt import HANDLER
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

KEY = redis_keys.DEFAULT_REDBEAT_KEYS.entry("lone")


@pytest.fixture
def beat(installation: Installation) -> MissionControlScheduler:
    schedule = {"type": "interval", "seconds": 0.2, "measure_from": "finish"}
    task = {"id": "lone", "handler": HANDLER, "schedule": schedule, "overlap": "allow"}
    assert installation.registry.register(task)
    app = create_app("beat", lambda: installation)
    beat = MissionControlScheduler(app, installation=installation, lazy=True)
    beat.max_interval = 0.05
    return beat


def looks_through_all_keys(place: Installation) -> int:
    stats: Any = place.client.info("commandstats")
    return int(stats.get("cmdstat_scan", {"calls": 0})["calls"])


def fire(place: Installation, beat: MissionControlScheduler) -> None:
    beat.tick()
    wait_until(
        lambda: beat.tick() or place.client.zscore(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, KEY) is None,
        "it fires",
    )
    beat.tick()
    beat.tick()


def test_lone_fixed_delay_does_not_scan_all_keys_at_each_run(
    installation: Installation, beat: MissionControlScheduler
) -> None:
    fire(installation, beat)
    before = looks_through_all_keys(installation)
    for _ in range(3):
        installation.client.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {KEY: 1})
        installation.client.hset(KEY, "due", 1)  # as the end of the run does
        fire(installation, beat)
    assert looks_through_all_keys(installation) == before


def test_schedule_deleted_while_nothing_fires_is_rebuilt_at_once(
    installation: Installation, beat: MissionControlScheduler
) -> None:
    assert installation.registry.update("lone", {"schedule": {"type": "interval", "hours": 1}})
    beat.tick()
    beat.tick()
    installation.client.delete(redis_keys.DEFAULT_REDBEAT_KEYS.schedule)
    beat.tick()
    assert installation.client.zscore(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, KEY) is not None


def test_schedule_that_is_lost_again_is_rebuilt_after_a_while(
    installation: Installation, beat: MissionControlScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    upkeep = ScheduleUpkeep(
        beat.app,
        installation.client,
        installation.changes,
        installation.redbeat_keys,
        installation.clock,
        lambda: installation.registry,
    )
    monkeypatch.setattr(upkeep._foreign_changes, "take_over", lambda: 0)  # it would be faster
    monkeypatch.setattr(schedule_upkeep, "REBUILD_EVERY_SECONDS", 0.1)

    def lose() -> None:
        upkeep.look(Turn(leads=True, next_due=0.0))
        installation.client.delete(redis_keys.DEFAULT_REDBEAT_KEYS.schedule)

    def is_built() -> bool:
        upkeep.look(Turn(leads=True))
        return installation.client.exists(redis_keys.DEFAULT_REDBEAT_KEYS.schedule) == 1

    lose()
    assert is_built()
    lose()
    assert not is_built()
    wait_until(is_built, "the schedule is rebuilt")
