"""A downtime that leaves many occurrences: beat works them off, and what is on time does not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mission_control.configuration.clock import utc_now
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.processes.beats import leading_beat, sent_ids
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

HANDLER = "handlers.test_handler.run"
HOURS = 26
TASKS = 12
EACH = HOURS * 60


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    """Lead for one second only: building all the requests at once takes longer."""
    with RedisServer() as server:
        settings = read_settings(redis_url=server.url, data_dir=tmp_path, notify=(), leader_seconds=1)
        yield Installation(settings)


def leave_a_backlog(place: Installation, **misfire: Any) -> float:
    """Register tasks that were last fired some hours ago, and return when each is due."""
    schedule = {"type": "cron", "expression": "* * * * *", "timezone": "Europe/Berlin"}
    due = utc_now().replace(second=0, microsecond=0).timestamp() - HOURS * 3_600
    for at in range(TASKS):
        name = f"late-{at}"
        task = {"id": name, "schedule": schedule, "handler": HANDLER, "misfire": misfire}
        assert place.registry.register(task)
        key = redis_keys.DEFAULT_REDBEAT_KEYS.entry(name)
        place.client.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {key: due})
        place.client.hset(key, "due", due)
    return due


def states_of(place: Installation, name: str) -> list[str]:
    return [str(run.state) for run in place.ledger.runs_of(name, limit=2 * EACH)]


def decided(place: Installation, name: str, state: RunState) -> list[datetime]:
    """Return when beat decided about the occurrences that are in a state now."""
    return sorted(
        run.dispatched_at for run in place.ledger.runs_of(name, limit=2 * EACH) if run.state is state
    )


def test_long_backlog_is_caught_up_while_other_tasks_fire(place: Installation) -> None:
    leave_a_backlog(place)
    often = {"type": "interval", "seconds": 0.25}
    assert place.registry.register({"id": "good", "schedule": often, "handler": HANDLER, "overlap": "allow"})
    with leading_beat(place) as beat:
        wait_until(lambda: earliest(place) > utc_now().timestamp() - 5, "it is through", timeout=60)
        assert beat.exit_code is None

    caught_up = max(decided(place, f"late-{at}", RunState.MISSED)[-1] for at in range(TASKS))
    meanwhile = {at for at in decided(place, "good", RunState.DISPATCHED) if at < caught_up}
    assert len(meanwhile) >= 2, "the backlog was through before the other fired"
    for at in range(TASKS):
        assert EACH <= place.ledger.history(f"late-{at}").missed_count <= EACH + 2
        assert "dispatched" in states_of(place, f"late-{at}")
    ids = sent_ids(place.client)
    assert len(ids) == len(set(ids))


def test_caught_up_runs_are_parked_and_released_at_the_pace(place: Installation) -> None:
    leave_a_backlog(place, policy="all", max_catch_up=200)
    release_of: dict[str, float] = {}  # the first are released while the last are not yet parked

    def is_through() -> bool:
        parked: Any = place.client.zrange(redis_keys.PARKED, 0, -1, withscores=True)
        release_of.update(parked)
        return earliest(place) > utc_now().timestamp() - 5

    with leading_beat(place):
        wait_until(is_through, "it is through", timeout=60)
        assert is_through()
    releases = sorted(release_of.values())
    assert len(releases) > TASKS * 200 / 2
    for at in range(len(releases) - 100):
        assert releases[at + 100] - releases[at] > 0.99


def earliest(place: Installation) -> float:
    """Return when the entry is due that is due longest."""
    found: Any = place.client.zrange(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, 0, 0, withscores=True)
    return float(found[0][1])


def test_task_moved_by_another_tool_fires_at_its_own_time(place: Installation) -> None:
    yearly = {"type": "cron", "expression": "0 0 29 2 *"}
    assert place.registry.register({"id": "moved", "schedule": yearly, "handler": HANDLER})
    key = redis_keys.DEFAULT_REDBEAT_KEYS.entry("moved")
    right = place.client.zscore(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, key)
    place.client.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {key: utc_now().timestamp() - 0.7})
    with leading_beat(place):
        wait_until(
            lambda: place.client.zscore(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, key) == right, "it is back"
        )
    assert place.ledger.runs_of("moved") == []
