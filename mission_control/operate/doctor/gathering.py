"""Gathers the evidence from the machine, Redis and the task file; writes nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, TypeVar

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from mission_control.configuration.settings import Settings
from mission_control.errors import MissionControlError, UnsafePathError
from mission_control.messaging.redis_failures import is_wrong_type
from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.model.values.zones import zone_data
from mission_control.operate.doctor.evidence import ComparedFile, Place, Service
from mission_control.operate.exposure import exposure_warning
from mission_control.operate.notified import notifications_json
from mission_control.operate.plan.planning import check_task_files, plan_of
from mission_control.operate.situation import situation
from mission_control.processes.heartbeats import ProcessInfo, common_settings, live_processes
from mission_control.registry.named_resources import read_resources
from mission_control.registry.registry import Registry
from mission_control.safe_paths.paths import path_problem
from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys
from mission_control.sweep.late_records import LateRecords

if TYPE_CHECKING:
    from celery import Celery

    from mission_control.ledger.run_reader import RunReader

Answer = TypeVar("Answer")

HERE: Final = "this command"
_PINGS: Final = 9
_FLOWER_PORT: Final = 5555
_FLOWER_SECONDS: Final = 1.0


def look_around(settings: Settings, now: datetime, *, is_founded: bool) -> Place:
    """Return what is known of this machine."""
    streams = [settings.task_execution_log, settings.task_changes_log, settings.checkpoints]
    places = [settings.data_dir, *streams, *settings.handlers, settings.default_tasks_file]
    folders = [settings.data_dir, settings.task_execution_log.parent]
    return Place(
        now=now,
        data_dir=settings.data_dir,
        is_founded=is_founded,
        unsafe=tuple(problem for path in places if (problem := _path_problem(path)) is not None),
        unwritable=tuple(
            path for path in folders if path.exists() and not os.access(path, os.W_OK | os.X_OK)
        ),
        free_bytes=_free_bytes(settings.data_dir),
        zone_data=zone_data(),
        open_flower=open_flower(),
    )


def _path_problem(path: Path) -> str | None:
    try:
        return path_problem(path)
    except UnsafePathError as error:
        return str(error)
    except OSError as error:
        return f"{path} cannot be looked up ({error}): `ls -ld {path}`"


def _free_bytes(path: Path) -> int | None:
    with suppress(OSError):
        status = os.statvfs(path)
        return status.f_bavail * status.f_frsize
    return None


def open_flower() -> str | None:
    """Return the URL of a Flower on this machine that asks for no password."""
    port = os.environ.get("FLOWER_PORT", "")
    asked = HTTPConnection(
        "127.0.0.1", int(port) if port.isdecimal() else _FLOWER_PORT, timeout=_FLOWER_SECONDS
    )
    try:
        asked.request("GET", "/")
        answer = asked.getresponse()
        is_open = answer.status == 200 and b"Flower" in answer.read(100_000)  # noqa: PLR2004
    except (OSError, HTTPException):
        return None
    finally:
        asked.close()
    return f"http://127.0.0.1:{asked.port}" if is_open else None


@dataclass(frozen=True)
class Gathering:
    """Asks Redis, and compares the task file."""

    client: Redis
    registry: Registry
    ledger: RunReader
    celery: Celery
    late_records: LateRecords
    redbeat_keys: RedBeatKeys
    settings: Settings
    redis_url: str
    clock: Callable[[], datetime]

    def ask(self) -> Service:
        """Return what is known of Redis, the processes and the tasks.

        Raises:
            RedisError: Redis cannot be asked.
        """
        settings, now = self.settings, self.clock()
        parts = (self.client, self.registry, self.ledger, self.celery)
        info: Any = self.client.info()
        processes, server_time = self._processes()
        return Service(
            issues=tuple(situation(*parts, now=now, redbeat_keys=self.redbeat_keys).issues),
            info=info,
            redis_settings=self._redis_settings(),
            allow_eviction=settings.allow_eviction,
            latency=self._latency(),
            exposure=exposure_warning(self.client, self.redis_url, settings.broker_url),
            processes=processes,
            server_time=server_time,
            unreported=notifications_json(processes)["warning"],
            pending_records=_or_else(0, lambda: len(self.late_records.overdue())),
            files=_or_else((), lambda: tuple(self._files())),
            tasks=_or_else((), lambda: tuple(self.registry.definitions())),
            limits=_or_else({}, lambda: read_resources(self.client, redis_keys.LIMITS, NamedLimit)),
        )

    def _processes(self) -> tuple[tuple[ProcessInfo, ...], float]:
        found = live_processes(self.client)
        own = {"clock": time.time(), "common": common_settings(self.settings)}
        seconds, microseconds = self.client.time()
        return (*found, ProcessInfo("command", HERE, own)), seconds + microseconds / 1e6

    def _redis_settings(self) -> dict[str, str]:
        with suppress(RedisError):
            return dict(self.client.config_get("save"))  # type: ignore[arg-type]  # redis-py's
        return {}

    def _latency(self) -> timedelta:
        took = []
        for _ in range(_PINGS):
            began = time.monotonic()
            self.client.ping()
            took.append(time.monotonic() - began)
        return timedelta(seconds=median(took))

    def _files(self) -> Iterator[ComparedFile]:
        """Compare the files that are on this machine: those that own tasks, and the one of the settings."""
        known = [*map(Path, self.registry.planned.files.all()), self.settings.default_tasks_file]
        for path in dict.fromkeys(path for path in known if path.exists()):
            try:
                plan = plan_of(self.registry, check_task_files(self.registry, [path]))
            except MissionControlError as error:
                yield ComparedFile(path, problem=str(error))
                continue
            found = plan.by_kind()
            yield ComparedFile(path, tuple(found["created"]), tuple(found["updated"]), tuple(plan.left))


def _or_else(otherwise: Answer, ask: Callable[[], Answer]) -> Answer:
    """Return the answer, or something else if a key has the wrong type, which is one of the issues."""
    try:
        return ask()
    except ResponseError as error:
        if not is_wrong_type(error):
            raise
        return otherwise
