"""Runs that do nothing, queued before their worker is started: how fast they are, and what each costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.figures import Round
from benchmarks.marks import marks
from benchmarks.place import MeasurementError, Place
from benchmarks.process_tree import cpu_seconds
from benchmarks.run_contender import RunContender
from mission_control.processes.service_process import ServiceProcess

WARM_UP_SHARE: Final = 0.2
"""So many runs more are carried out first: all processes have begun, and have their connections, by then."""
_POLL_SECONDS: Final = 0.002
_STANDSTILL_SECONDS: Final = 120.0
_DRAIN_SECONDS: Final = 20.0
_OWN_ROUND_TRIPS: Final = 3


@dataclass(frozen=True)
class Moment:
    """What has been done, and what it has cost, up to a moment."""

    seconds: float
    runs: int
    cpu_seconds: float
    server_cpu_seconds: float
    round_trips: int


def measure_worker(contender: RunContender, runs: int) -> Round:
    """Measure `runs` runs, from the last of the warm-up to the last of all.

    CPU is that of the worker with all its processes; the server's is given next to it. Round trips are the
    server's count of reads or writes, whichever is less: the worker's, without our own questions.

    Raises:
        MeasurementError: a run was not carried out, or not accounted for, or twice.
    """
    warm_up = max(1, round(runs * WARM_UP_SHARE))
    with Place() as place:
        contender.fill(place, runs + warm_up)
        services = contender.start(place)
        began = _moment_after(place, services, warm_up)
        ended = _moment_after(place, services, runs + warm_up)
        place.wait_until(lambda: not contender.left(place), "every message is acknowledged", _DRAIN_SECONDS)
        _check_count(place, runs + warm_up)
        contender.check(place, runs + warm_up)
    return figures(began, ended)


def figures(began: Moment, ended: Moment) -> Round:
    """Return the figures of what was done between two moments.

    >>> figures(Moment(1.0, 100, 1.0, 0.0, 50), Moment(3.0, 1_100, 2.0, 0.5, 3_051))["runs_per_second"]
    500.0

    Raises:
        MeasurementError: nothing was done between them.
    """
    runs = ended.runs - began.runs
    if runs == 0:
        raise MeasurementError(f"all {ended.runs} runs were over before the first was seen; measure more")
    return {
        "runs_per_second": runs / (ended.seconds - began.seconds),
        "cpu_ms_per_run": (ended.cpu_seconds - began.cpu_seconds) / runs * 1_000,
        "server_cpu_ms_per_run": (ended.server_cpu_seconds - began.server_cpu_seconds) / runs * 1_000,
        "round_trips_per_run": (ended.round_trips - began.round_trips - _OWN_ROUND_TRIPS) / runs,
    }


def _moment_after(place: Place, services: Sequence[ServiceProcess], runs: int) -> Moment:
    """Wait until so many runs were carried out; return that moment."""
    seen, moved_at = -1, time.monotonic()
    while (done := marks(place.marks)) < runs:
        if done > seen:
            seen, moved_at = done, time.monotonic()
        elif time.monotonic() - moved_at > _STANDSTILL_SECONDS or _have_ended(services):
            _check_count(place, runs)
        time.sleep(_POLL_SECONDS)
    seconds, done = time.monotonic(), marks(place.marks)
    spent, round_trips = cpu_seconds(one.pid for one in services), place.round_trips()
    return Moment(seconds, done, spent, place.cpu_seconds(), round_trips)


def _have_ended(services: Sequence[ServiceProcess]) -> bool:
    return any(one.exit_code is not None for one in services)


def _check_count(place: Place, runs: int) -> None:
    done = marks(place.marks)
    if done != runs:
        raise MeasurementError(f"{done} runs were carried out instead of {runs}\n{place.last_words()}")
