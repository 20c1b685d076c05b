"""What a beat loads and asks whose tasks are hours away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from beat.scheduler import MissionControlScheduler
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation
from tests.stage.servers import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READS_TASKS = {"pydantic", "mission_control.model.definitions.task", "beat.firing.firing"}

TWO_TURNS = """
import json, sys
from beat.app import app
from beat.scheduler import MissionControlScheduler
beat = MissionControlScheduler(app)
beat.tick()
beat.tick()
beat.close()
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with RedisServer() as server:
        yield Installation(read_settings(redis_url=server.url, data_dir=tmp_path, notify=()))


def modules_after_two_turns(place: Installation) -> set[str]:
    environment = {**os.environ, **place.settings.environment()}
    done = subprocess.run(
        [sys.executable, "-c", TWO_TURNS], env=environment, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def register(place: Installation, schedule: dict[str, object]) -> None:
    place.registry.register({"id": "task", "handler": "handlers.hello.run", "schedule": schedule})


def test_a_beat_without_tasks_does_not_load_what_reads_them(place: Installation) -> None:
    assert modules_after_two_turns(place) & READS_TASKS == set()


def test_a_beat_whose_tasks_are_hours_away_does_not_load_what_reads_them(place: Installation) -> None:
    register(place, {"type": "interval", "hours": 12})
    assert modules_after_two_turns(place) & READS_TASKS == set()


def test_a_beat_with_a_task_that_falls_due_in_a_moment_loads_it_beforehand(place: Installation) -> None:
    register(place, {"type": "interval", "seconds": 4})
    assert modules_after_two_turns(place) & READS_TASKS == READS_TASKS


def test_a_turn_in_which_nothing_is_to_be_done_costs_one_command(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(place, {"type": "interval", "hours": 12})
    beat = MissionControlScheduler(place.celery, installation=place)
    beat.max_interval = 0.0
    commands: list[str] = []
    execute: Any = Redis.execute_command

    def counted(client: Redis, *command: Any, **options: Any) -> Any:
        commands.append(command[0])
        return execute(client, *command, **options)

    for _ in range(3):  # it sets itself up, subscribes, and looks at everything for the first time
        beat.tick()
    monkeypatch.setattr(Redis, "execute_command", counted)
    for _ in range(100):
        beat.tick()
    beat.close()
    now_and_then = 10  # the looks at keys and runs that happen to fall into this time
    assert commands.count("EVALSHA") >= 100
    assert len(commands) <= 100 + now_and_then
