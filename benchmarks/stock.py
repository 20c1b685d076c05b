"""Stock RedBeat: Celery's beat with `redbeat.RedBeatScheduler`, and a bare Celery worker."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from celery.schedules import schedule
from redbeat.decoder import RedBeatJSONEncoder
from redis.client import Pipeline

from benchmarks.place import Place
from benchmarks.stamps import STAMPS_VARIABLE
from benchmarks.stock_app import LOCK_VARIABLE, LOOP_VARIABLE, STAMP_TASK, URL_VARIABLE
from mission_control.processes.service_process import ServiceCommand, ServiceProcess

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_AT_ONCE: Final = 1_000
_LOCK: Final = "redbeat::lock"
_SCHEDULE: Final = "redbeat::schedule"


@dataclass(frozen=True)
class Stock:
    """RedBeat with the loop interval and the lock's life that are given; None for its default."""

    loop_seconds: float | None = 1.0
    lock_seconds: float | None = None

    name: ClassVar[str] = "stock"
    queue: ClassVar[str] = "celery"

    def seed(self, place: Place, instants: Sequence[float]) -> None:
        """Write the entries as RedBeat's `save` does, many in one round trip; scores are whole seconds."""
        for start in range(0, len(instants), _AT_ONCE):
            with place.client.pipeline(transaction=False) as pipe:
                for at in range(start, min(start + _AT_ONCE, len(instants))):
                    _write(pipe, f"task_{at:06d}", _DAY, instants[at])
                pipe.execute()

    def seed_every_second(self, place: Place) -> None:
        """Enter one task that is due at every second."""
        with place.client.pipeline(transaction=False) as pipe:
            _write(pipe, "every_second", _SECOND, float(int(datetime.now(UTC).timestamp()) + 1))
            pipe.execute()

    def add(self, place: Place, instant: float) -> None:
        """Write one more entry."""
        with place.client.pipeline(transaction=False) as pipe:
            _write(pipe, f"added_{instant:.3f}", _DAY, instant)
            pipe.execute()

    def start_beat(self, place: Place) -> ServiceProcess:
        """Start a beat."""
        command = ServiceCommand("stock-beat", [*_celery(), "beat", "--loglevel", "WARNING", "--pidfile="])
        return place.start(command, self._environment(place))

    def start_worker(self, place: Place) -> ServiceProcess:
        """Start a bare worker."""
        options = ["--loglevel", "WARNING", "--hostname", "stock@%h", "--concurrency", "2"]
        return place.start(
            ServiceCommand("stock-worker", [*_celery(), "worker", *options]), self._environment(place)
        )

    def has_leader(self, place: Place) -> bool:
        """Whether a beat holds the lock."""
        return bool(place.client.exists(_LOCK))

    @staticmethod
    def lock_left_seconds(place: Place) -> float:
        """Return how long the lock lives on if its holder dies now."""
        milliseconds: Any = place.client.pttl(_LOCK)
        return float(milliseconds) / 1_000

    def _environment(self, place: Place) -> dict[str, str]:
        given = {LOOP_VARIABLE: self.loop_seconds, LOCK_VARIABLE: self.lock_seconds}
        return {
            URL_VARIABLE: place.url,
            STAMPS_VARIABLE: str(place.stamps),
            **{name: str(value) for name, value in given.items() if value is not None},
        }


def _celery() -> list[str]:
    return [sys.executable, "-m", "celery", "--app", "benchmarks.stock_app"]


def _write(pipe: Pipeline, name: str, every: timedelta, due: float) -> None:
    last_run_at = datetime.fromtimestamp(due, UTC) - every
    definition = {
        "name": name,
        "task": STAMP_TASK,
        "args": [],
        "kwargs": {},
        "options": {},
        "schedule": schedule(every),
        "enabled": True,
    }
    pipe.hset(
        f"redbeat:{name}",
        mapping={
            "definition": json.dumps(definition, cls=RedBeatJSONEncoder),
            "meta": json.dumps({"last_run_at": last_run_at}, cls=RedBeatJSONEncoder),
        },
    )
    pipe.zadd(_SCHEDULE, {f"redbeat:{name}": int(due)})
