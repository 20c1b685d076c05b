"""What beat costs while nothing is due."""

from __future__ import annotations

import time
from typing import Final

import psutil

from benchmarks.contender import Contender
from benchmarks.figures import Round
from benchmarks.place import Place

CALM_SECONDS: Final = 3.0
_FAR_SECONDS: Final = 6 * 3_600
_MIB: Final = 1024 * 1024
_SCHEDULERS_CLOCK: Final = 2


def measure_idle(contender: Contender, tasks: int, seconds: float) -> Round:
    """Measure a beat with no tasks, then one with `tasks` that are due in six hours and more."""
    empty, full = _cost(contender, 0, seconds), _cost(contender, tasks, seconds)
    return {
        "empty_cpu_seconds_a_minute": empty[0],
        "full_cpu_seconds_a_minute": full[0],
        "empty_memory_mib": empty[1],
        "full_memory_mib": full[1],
        "memory_growth_mib": full[1] - empty[1],
    }


def _cost(contender: Contender, tasks: int, seconds: float) -> tuple[float, float]:
    with Place() as place:
        far = int(time.time()) + _FAR_SECONDS
        contender.seed(place, [float(far + at % 3_600) for at in range(tasks)])
        beat = psutil.Process(contender.start_beat(place).pid)
        place.wait_until(lambda: contender.has_leader(place), "beat leads")
        time.sleep(CALM_SECONDS)
        before, began = _cpu_seconds(beat.pid), time.monotonic()
        time.sleep(seconds)
        used = (_cpu_seconds(beat.pid) - before) / (time.monotonic() - began)
        return used * 60, beat.memory_info().rss / _MIB


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process to the nanosecond; psutil tells hundredths, and a minute costs six.

    The number of the clock is Linux's, as clock_getcpuclockid(3) makes it.
    """
    return time.clock_gettime(~pid << 3 | _SCHEDULERS_CLOCK)
