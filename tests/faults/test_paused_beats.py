"""Two beats, each stopped at random instants for longer than its lease and resumed, while tasks fall due.

`make chaos` runs the long one: CHAOS_PAUSES says how often, CHAOS_SEED when.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.configuration.clock import utc_now
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.store import redis_keys
from tests.processes.beats import BeatProcess, leading_beat, sent_ids
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.starts_early

PAUSES = int(os.environ.get("CHAOS_PAUSES", "8"))
SEED = int(os.environ.get("CHAOS_SEED", "5"))
LEADER_SECONDS = 1
HERD = 40
PERIOD = timedelta(seconds=0.5)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with RedisServer() as server:
        settings = read_settings(
            redis_url=server.url, data_dir=tmp_path, notify=(), leader_seconds=LEADER_SECONDS
        )
        yield Installation(settings)


def test_beats_paused_at_random_fire_every_occurrence_once(place: Installation) -> None:
    draw = random.Random(SEED)
    with leading_beat(place) as first, BeatProcess(place) as second:
        second.wait_until_it_stands_by()
        began = register_herd(place)
        # The first leads when it is paused, so both come to fire.
        paused = [[first], *draw.choices([[first], [second], [first, second]], k=PAUSES - 1)]
        for beats in paused:
            Event().wait(draw.uniform(0.0, 2 * PERIOD.total_seconds()))
            pause(beats, draw.uniform(1.5, 2.0))
        ended = utc_now()
        wait_until(lambda: next_due(place) > ended, "all that fell due is fired", timeout=30)
        wait_until(
            lambda: not place.client.exists(redis_keys.PARKED), "all that was caught up is sent", timeout=30
        )
        assert [first.exit_code, second.exit_code] == [None, None]

    counts = Counter(sent_ids(place.client))
    assert {one: count for one, count in counts.items() if count != 1} == {}
    assert expected_ids(began, ended) - counts.keys() == set()
    journal: Any = place.client.xrange(redis_keys.BEAT_JOURNAL)
    assert {note["beat"] for _, note in journal} == {first.name, second.name}, "only one of them ever fired"


def register_herd(place: Installation) -> datetime:
    """Register tasks that are due together, twice a second; return a time after which all are."""
    every = {"type": "interval", "seconds": PERIOD.total_seconds()}
    for one in range(HERD):
        task = {"id": f"herd-{one}", "handler": "handlers.test_handler.run", "schedule": every}
        assert place.registry.register({**task, "misfire": {"policy": "all"}, "overlap": "allow"})
    return utc_now() + PERIOD


def pause(beats: Sequence[BeatProcess], seconds: float) -> None:
    """Stop beats for longer than a lease, wherever they may be, and have them go on."""
    for beat in beats:
        beat.signal(signal.SIGSTOP)
    Event().wait(LEADER_SECONDS * seconds)
    for beat in beats:
        beat.signal(signal.SIGCONT)


def next_due(place: Installation) -> datetime:
    """Return when the first of all tasks is due."""
    earliest: Any = place.client.zrange(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, 0, 0, withscores=True)
    return datetime.fromtimestamp(earliest[0][1], UTC)


def expected_ids(began: datetime, ended: datetime) -> set[str]:
    """Return the ids of the runs that fell due from `began` to `ended`."""
    moment = datetime.fromtimestamp(int(began.timestamp()) + 1, began.tzinfo)
    expected: set[str] = set()
    while moment <= ended:
        expected |= {occurrence_execution_id(f"herd-{one}", moment) for one in range(HERD)}
        moment += PERIOD
    return expected
