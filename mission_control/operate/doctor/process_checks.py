"""What is wrong with this machine and with the processes together: paths, disk, clocks, settings, starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from shlex import quote
from typing import Final

from mission_control.model.values.quantities import duration
from mission_control.operate.doctor.evidence import Place, Service
from mission_control.operate.issue import Issue, listed
from mission_control.processes.heartbeats import ANSWER_SECONDS, disagreements

SKEW: Final = timedelta(seconds=5)
LEAST_FREE: Final = 500_000_000


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


def no_installation(place: Place) -> Iterator[Issue]:
    """Yield that nothing was ever started here."""
    if not place.is_founded:
        remedy = "start one with `mission-control up`, or name another data directory with --data-dir (-C)"
        yield Issue("no_installation", f"there is no installation in {place.data_dir}", remedy)


def unsafe_paths(place: Place) -> Iterator[Issue]:
    """Yield which paths others could change, and which this user may not write."""
    for one in dict.fromkeys(place.unsafe):
        problem, _, remedy = one.partition(": ")
        look = "" if "`" in remedy else f" (`ls -ld {quote(problem.split()[0])}`)"
        yield Issue("unsafe_path", problem, f"{remedy}{look}", {"data_dir": str(place.data_dir)})
    for path in place.unwritable:
        remedy = f'run as its owner, or give it to this user: `sudo chown -R "$(id -un)" {quote(str(path))}`'
        yield Issue("unwritable_path", f"this user may not write into {path}", remedy, {"path": str(path)})


def disk_space(place: Place) -> Iterator[Issue]:
    """Yield that the disk is nearly full."""
    if place.free_bytes is not None and place.free_bytes < LEAST_FREE:
        problem = f"{place.free_bytes / 1e6:,.0f} MB are free on the disk of {place.data_dir}"
        remedy = f"free some; `du -xhd1 {quote(str(place.data_dir))}` shows what takes the room"
        yield Issue("disk_space", problem, remedy, {"free_bytes": place.free_bytes})


def old_zone_data(place: Place) -> Iterator[Issue]:
    """Yield that the time zone data is of the year before last, or older than what is installed as well.

    Without asking the network, nothing else is known of newer releases.
    """
    data = place.zone_data
    if data is None or data.release is None:
        return
    is_behind = data.release < data.packaged
    if is_behind or _is_old(data.release, place.now):
        why = f"older than {data.packaged} in the package tzdata" if is_behind else "more than a year old"
        remedy = "bring it up to date: `python -m pip install --upgrade tzdata`"
        if data.folder is not None:
            remedy = "update the machine's, or use the package's: `export PYTHONTZPATH=` for all processes"
        problem = f"the time zone data in use is {data.release}, {why}"
        yield Issue("old_zone_data", problem, remedy, data._asdict())


def _is_old(release: str, now: datetime) -> bool:
    """Whether an IANA release is more than a year old for sure: it was made in the year before last.

    >>> _is_old("2024b", datetime(2026, 1, 1)), _is_old("2025a", datetime(2026, 12, 31))
    (True, False)
    """
    year = re.match(r"[0-9]{4}", release)
    return year is not None and int(year[0]) < now.year - 1


def open_flower(place: Place) -> Iterator[Issue]:
    """Yield that a Flower asks for no password."""
    if place.open_flower is not None:
        problem = (
            f"the Flower at {place.open_flower} asks for no password: it shows every run, and revokes them"
        )
        remedy = (
            "start it with a password: `celery -A workers.app flower --basic-auth=USER:PASSWORD "
            "--address=127.0.0.1`"
        )
        yield Issue("flower_open", problem, remedy, {"url": place.open_flower})


PLACE_CHECKS: Final[tuple[Callable[[Place], Iterator[Issue]], ...]] = (
    no_installation,
    unsafe_paths,
    disk_space,
    old_zone_data,
    open_flower,
)
