"""What a beat loads and asks whose tasks are hours away."""

from __future__ import annotations

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

MOST_ABOVE_STOCK = 16 * 2**20
TURNS = """
beat.tick()
beat.tick()
beat.close()
import psutil
print(psutil.Process().memory_info().rss)
"""
OURS_PROGRAM = f"""
import celery.bin.celery  # the program that runs a beat
from beat.app import app
from beat.scheduler import MissionControlScheduler
beat = MissionControlScheduler(app)
{TURNS}"""
STOCK_PROGRAM = f"""
import os
import celery.bin.celery
from celery import Celery
from redbeat import RedBeatScheduler
from redbeat.schedulers import ensure_conf
url = os.environ["MISSION_CONTROL_REDIS_URL"]
app = Celery("stock", broker=url)
app.conf.update(redbeat_redis_url=url, redbeat_redis_options={{}}, redbeat_lock_key=None)
app.conf.update(redbeat_key_prefix="stock:")
ensure_conf(app)
beat = RedBeatScheduler(app, lazy=True)
{TURNS}"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with RedisServer() as server:
        yield Installation(read_settings(redis_url=server.url, data_dir=tmp_path, notify=()))


def memory_after_two_turns(place: Installation, program: str) -> int:
    """Return the resident set of a process in which a beat has made two turns, in bytes.

    Modules are compiled before, as where the beat has run once: the compiler takes memory too.
    """
    environment = {**os.environ, **place.settings.environment()}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", program]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1])


def register(place: Installation, schedule: dict[str, object]) -> None:
    place.registry.register({"id": "task", "handler": "handlers.hello.run", "schedule": schedule})


def test_idle_beat_takes_at_most_16_mib_more_than_stock(place: Installation) -> None:
    register(place, {"type": "interval", "hours": 12})
    ours = memory_after_two_turns(place, OURS_PROGRAM)
    assert ours - memory_after_two_turns(place, STOCK_PROGRAM) <= MOST_ABOVE_STOCK


def test_idle_turn_costs_one_command(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
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
