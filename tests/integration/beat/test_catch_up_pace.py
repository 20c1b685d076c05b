"""How fast what a downtime left is caught up, whichever beat does it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import time_machine

from beat.firing.fire_request import CATCH_UP_PER_SECOND
from beat.scheduler import MissionControlScheduler
from mission_control import register_task
from mission_control.installation.installation import create_app
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HANDLER = "handlers.test_handler.run"


def register(name: str, **misfire: Any) -> None:
    """Register a task of every minute, last fired at nine."""
    with time_machine.travel(NINE, tick=False):
        task = {"id": name, "handler": HANDLER, "schedule": {"type": "interval", "minutes": 1}}
        assert register_task({**task, "misfire": {"policy": "all", **misfire}})


def fire(installation: Installation, moment: datetime) -> None:
    """Let a beat that has just been started fire what is due."""
    app = create_app("beat", lambda: installation)
    beat = MissionControlScheduler(app, installation=installation, lazy=True)
    with time_machine.travel(moment, tick=False):
        beat._lead.take()
        beat.fire_due(moment)
        beat.close()


def starts(installation: Installation, moment: datetime, name: str = "") -> list[float]:
    """Return when the runs of a task, or of all, start after `moment`, in seconds, the earliest first."""
    parked: Any = installation.client.zrange(redis_keys.PARKED, 0, -1, withscores=True)
    found = [release - moment.timestamp() for run, release in parked if run.startswith(name)]
    queued: Any = installation.client.lrange("default", 0, -1)
    return [0.0] * sum(f'"{name}' in text for text in queued) * (not name) + found


def assert_no_second_has_more_than_its_share(found: list[float]) -> None:
    for earlier, later in zip(found, found[CATCH_UP_PER_SECOND:], strict=False):
        assert later - earlier > 0.99


def test_late_runs_of_many_tasks_start_one_a_slot(installation: Installation) -> None:
    for at in range(4):
        register(f"late-{at}")
    moment = NINE + timedelta(minutes=90, seconds=45.37)

    fire(installation, moment)

    found = starts(installation, moment)
    assert len(found) == 4 * 90
    assert 0 <= found[0] < 0.02
    assert found[-1] < 4 * 90 / CATCH_UP_PER_SECOND + 0.05
    assert_no_second_has_more_than_its_share(found)


def test_staggered_task_keeps_its_distance_and_leaves_others_their_slots(installation: Installation) -> None:
    register("staggered", stagger_seconds=0.5)
    for at in range(3):
        register(f"late-{at}")
    moment = NINE + timedelta(minutes=99, seconds=45)

    fire(installation, moment)

    own = starts(installation, moment, "staggered")
    assert len(own) >= 98
    assert all(later - earlier >= 0.499 for earlier, later in pairwise(own))
    assert_no_second_has_more_than_its_share(starts(installation, moment))


def test_second_beat_takes_the_slots_that_the_first_has_left(installation: Installation) -> None:
    register("first")
    moment = NINE + timedelta(minutes=99, seconds=45)
    fire(installation, moment)
    register("second")

    fire(installation, moment + timedelta(milliseconds=200))

    found = starts(installation, moment)
    assert len(found) == 2 * 99
    assert_no_second_has_more_than_its_share(found)
    assert starts(installation, moment, "second")[0] > starts(installation, moment, "first")[-1]


def test_unused_slots_expire(installation: Installation) -> None:
    register("first")
    moment = NINE + timedelta(minutes=99, seconds=45)
    fire(installation, moment)
    assert 60 < installation.client.ttl(redis_keys.CATCH_UP_PACE) < 70

    register("second")
    later = moment + timedelta(minutes=2)
    fire(installation, later)

    found = starts(installation, later, "second")
    assert found[0] < 0.02
    assert_no_second_has_more_than_its_share(found)
