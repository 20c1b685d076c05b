"""Mission Control, as delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from benchmarks.place import CHECKOUT, Place
from benchmarks.stamps import STAMPS_VARIABLE
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation
from mission_control.model.definitions.task import parse_task
from mission_control.model.values.instants import format_instant
from mission_control.processes.commands import beat_command, worker_command
from mission_control.processes.service_process import ServiceProcess
from mission_control.registry.checked_task import CheckedTask
from mission_control.registry.task_store import WRITTEN_AT_ONCE, TaskStore, TaskWrite
from mission_control.store import redis_keys


@dataclass(frozen=True)
class Ours:
    """Our beat and worker with default settings, but for the beat's lease where one is given."""

    leader_seconds: int | None = None

    name: ClassVar[str] = "ours"
    queue: ClassVar[str] = "default"

    def seed(self, place: Place, instants: Sequence[float]) -> None:
        """Enter the tasks through the registry's own store, as many in one step as it writes itself."""
        alike: dict[float, CheckedTask] = {}
        for start in range(0, len(instants), WRITTEN_AT_ONCE):
            writes = []
            for at in range(start, min(start + WRITTEN_AT_ONCE, len(instants))):
                instant = instants[at]
                if instant not in alike:
                    alike[instant] = CheckedTask.of(parse_task(_definition("shared", instant)))
                form = {**alike[instant].form, "id": f"task_{at:06d}"}
                writes.append(TaskWrite(form, alike[instant].schedule, None, instant))
            TaskStore(place.client).begin_to_put(writes, now=datetime.now(UTC))()

    def seed_every_second(self, place: Place) -> None:
        """Enter one task that is due at every second."""
        self._installation(place).registry.register(
            {
                "id": "every_second",
                "handler": _HANDLER,
                "schedule": {"type": "interval", "seconds": 1},
                "overlap": "allow",
            }
        )

    def add(self, place: Place, instant: float) -> None:
        """Register a task."""
        self._installation(place).registry.register(_definition(f"added_{instant:.3f}", instant))

    def start_beat(self, place: Place) -> ServiceProcess:
        """Start a beat."""
        return place.start(beat_command("WARNING"), self._environment(place))

    def start_worker(self, place: Place) -> ServiceProcess:
        """Start a worker."""
        command = worker_command("benchmark@%h", concurrency=2, log_level="WARNING")
        return place.start(command, self._environment(place))

    def has_leader(self, place: Place) -> bool:
        """Whether a beat leads."""
        return bool(place.client.exists(redis_keys.BEAT_LEADER))

    def _environment(self, place: Place) -> dict[str, str]:
        return {**self._installation(place).settings.environment(), STAMPS_VARIABLE: str(place.stamps)}

    def _installation(self, place: Place) -> Installation:
        lease = {} if self.leader_seconds is None else {"leader_seconds": self.leader_seconds}
        return installation_at(place, **lease)


def installation_at(place: Place, **settings: Any) -> Installation:  # noqa: ANN401  # see read_settings
    """Return an installation with default settings but for those given, with the benchmarks' handlers."""
    return Installation(
        read_settings(
            **settings,
            redis_url=place.url,
            data_dir=place.directory / "data",
            handlers=(CHECKOUT / "benchmarks" / "handlers",),
        )
    )


_HANDLER = "handlers.stamp.run"


def _definition(task_id: str, instant: float) -> dict[str, Any]:
    """Return a task that is due at an instant, every day; daily tasks know whole seconds only."""
    moment = datetime.fromtimestamp(instant, UTC)
    schedule = (
        {"type": "interval", "days": 1, "anchor": format_instant(moment)}
        if moment.microsecond
        else {"type": "daily", "time": moment.strftime("%H:%M:%S")}
    )
    return {"id": task_id, "handler": _HANDLER, "schedule": schedule, "metadata": {"revision": 1}}
