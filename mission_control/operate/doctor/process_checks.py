"""What is wrong with the processes together: their clocks, their settings, and which have just stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from mission_control.model.values.quantities import duration
from mission_control.operate.doctor.evidence import Service
from mission_control.operate.issue import Issue, listed
from mission_control.processes.common_settings import disagreements
from mission_control.processes.heartbeats import ANSWER_SECONDS

SKEW: Final = timedelta(seconds=5)


def silent_processes(service: Service) -> Iterator[Issue]:
    """Yield the beats and workers that have stopped answering, and are not forgotten yet."""
    for one in service.processes:
        if one.age > ANSWER_SECONDS:
            problem = f"{one.kind} {one.name} last answered {one.age:.0f} s ago"
            remedy = "look into its log, and whether its machine is overloaded: `mission-control status`"
            yield Issue(
                "silent_process", problem, remedy, {"process": one.name, "seconds": round(one.age, 1)}
            )


def clock_skews(service: Service) -> Iterator[Issue]:
    """Yield the processes whose clocks differ from that of Redis, by their heartbeats."""
    for one in service.processes:
        clock = one.info.get("clock")
        if service.server_time is None or not isinstance(clock, int | float):
            continue
        ahead = timedelta(seconds=clock - (service.server_time - one.age))
        if abs(ahead) >= SKEW:
            how = "ahead of" if ahead > timedelta(0) else "behind"
            problem = f"the clock of {one.name} is {duration(ahead)} {how} that of Redis"
            remedy = (
                "have its machine's clock, and that of Redis, kept right: `sudo timedatectl set-ntp true`"
            )
            evidence = {"process": one.name, "seconds_ahead": round(ahead.total_seconds(), 1)}
            yield Issue("clock_skew", problem, remedy, evidence)


def differing_settings(service: Service) -> Iterator[Issue]:
    """Yield the settings that processes must agree on, and do not."""
    announced = {one.name: one.info.get("common") or {} for one in service.processes}
    for name, values in disagreements(announced):
        said = "; ".join(f"{value or 'not set'} in {listed(names)}" for value, names in values.items())
        if name == "zone_data":
            remedy = "install one release everywhere: `python -m pip install --upgrade tzdata`"
            yield Issue("setting_differs", f"the time zone data differs: {said}", remedy, {name: values})
            continue
        variable = f"MISSION_CONTROL_{name.upper()}"
        remedy = f"set it alike for all and restart those that differ: `env | grep {variable}`"
        yield Issue("setting_differs", f"{variable} differs: {said}", remedy, {name: values})


PROCESS_CHECKS: Final[tuple[Callable[[Service], Iterator[Issue]], ...]] = (
    clock_skews,
    silent_processes,
    differing_settings,
)
