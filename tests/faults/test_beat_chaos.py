"""Beat killed at random instants, again and again, while a herd falls due.

`make chaos` runs the long one: CHAOS_KILLS says how often beat is killed, CHAOS_SEED when.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from celery.schedules import schedule
from redbeat import RedBeatSchedulerEntry

from mission_control.configuration.clock import utc_now
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation, create_app
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import format_instant
from mission_control.processes.heartbeats import beat_name, end_lead_of_dead_beat
from mission_control.store import redis_keys
from tests.chaos.chaos_beat import BeatNursery
from tests.processes.beats import sent_ids
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.starts_early(50)

KILLS = int(os.environ.get("CHAOS_KILLS", "25"))
SEED = int(os.environ.get("CHAOS_SEED", "3"))
HERD = 25
HANDLER = "handlers.test_handler.run"
FIRST_LIFE_SECONDS = 0.1
"""How long a beat lives at most, to begin with; longer where the machine is too slow for it to fire."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with RedisServer() as server:
        yield Installation(read_settings(redis_url=server.url, data_dir=tmp_path, notify=()))


def test_beat_killed_at_random_fires_every_occurrence_exactly_once(place: Installation) -> None:
    expected: set[str] = set()
    app = create_app("other", lambda: place)
    RedBeatSchedulerEntry("theirs", HANDLER, schedule(1), app=app).save()
    draw = random.Random(SEED)

    with BeatNursery(place) as nursery:
        longest = FIRST_LIFE_SECONDS
        for kill in range(KILLS):
            expected |= register_herd(place, kill, draw.uniform(0.0, longest))
            has_fired = run_for(place, nursery, draw.uniform(0.0, longest))
            longest = longest * 0.9 if has_fired else longest * 1.2
        survivor = nursery.start()
        schedule_key = redis_keys.DEFAULT_REDBEAT_KEYS.schedule
        wait_until(lambda: place.client.zcard(schedule_key) == 1, "all herds are through", timeout=60)
        nursery.kill(survivor)

    journal: Any = place.client.xrange(redis_keys.BEAT_JOURNAL)
    assert len({note["beat"] for _, note in journal}) > KILLS / 5, "too few lived long enough to fire"
    counts = Counter(sent_ids(place.client))
    assert {name: count for name, count in counts.items() if count != 1} == {}
    ours = {name for name in counts if not name.startswith("theirs@")}
    assert ours == expected
    assert ledger_states(place, expected) == {"dispatched": len(expected)}


def register_herd(place: Installation, number: int, due_in_seconds: float) -> set[str]:
    """Register one-off tasks that are due at one instant, and return the ids of their runs."""
    due = utc_now() + timedelta(seconds=due_in_seconds)
    once = {"type": "once", "at": format_instant(due)}
    expected: set[str] = set()
    for one in range(HERD):
        task_id = f"herd-{number}-{one}"
        task = {"id": task_id, "handler": HANDLER, "schedule": once}
        assert place.registry.register(task, catch_up=True)
        expected.add(occurrence_execution_id(task_id, due))
    return expected


def run_for(place: Installation, nursery: BeatNursery, seconds: float) -> bool:
    """Run a beat, kill it some time after it has taken the lead, and say whether it had fired."""
    fires = place.client.xlen(redis_keys.BEAT_JOURNAL)
    pid = nursery.start()
    name = beat_name(pid)
    wait_until(lambda: place.client.get(redis_keys.BEAT_LEADER) == name, "beat leads")
    Event().wait(seconds)
    nursery.kill(pid)
    end_lead_of_dead_beat(place.client, pid)  # as its supervisor does
    return place.client.xlen(redis_keys.BEAT_JOURNAL) > fires


def ledger_states(place: Installation, execution_ids: set[str]) -> Counter[str]:
    with place.client.pipeline(transaction=False) as pipe:
        for execution_id in execution_ids:
            pipe.hget(redis_keys.run(execution_id), "state")
        states: list[Any] = pipe.execute()
    return Counter(str(state) for state in states)
