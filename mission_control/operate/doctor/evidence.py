"""What the doctor judges, gathered in one place: a value, without any way to Redis or the file system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.values.zones import ZoneData
from mission_control.operate.issue import Issue
from mission_control.processes.heartbeats import ProcessInfo


@dataclass(frozen=True)
class ComparedFile:
    """A task file compared with the tasks, by their ids, or why it cannot be read.

    `left` are tasks that were applied from it, and that it no longer has.
    """

    path: Path
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is known of this machine.

    `unsafe` has problems with their remedies, after a colon; `open_flower` is the URL of a Flower without a
    password.
    """

    now: datetime
    data_dir: Path
    is_founded: bool = True
    unsafe: tuple[str, ...] = ()
    unwritable: tuple[Path, ...] = ()
    free_bytes: int | None = None
    zone_data: ZoneData | None = None
    open_flower: str | None = None


@dataclass(frozen=True, kw_only=True)
class Service:
    """What is known of Redis, the processes and the tasks.

    `issues` are those of `status`. `info` is the answer of Redis to INFO, `redis_settings` to CONFIG, empty
    if this user may not ask. Among the processes is this one; `server_time` is the clock of Redis in Unix
    seconds as they were asked. `exposure` and `unreported` are warnings with their remedies.
    """

    issues: tuple[Issue, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)
    redis_settings: Mapping[str, str] = field(default_factory=dict)
    allow_eviction: bool = False
    latency: timedelta = timedelta(0)
    exposure: str | None = None
    processes: tuple[ProcessInfo, ...] = ()
    server_time: float | None = None
    unreported: str | None = None
    pending_records: int = 0
    files: tuple[ComparedFile, ...] = ()
    tasks: tuple[TaskDefinition, ...] = ()
    limits: Mapping[str, NamedLimit] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """All that is known; `service` is None, or `unreachable` says why, where Redis could not be asked."""

    place: Place
    service: Service | None = None
    unreachable: str | None = None
