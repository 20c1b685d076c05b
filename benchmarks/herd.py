"""Many tasks due at one instant: how fast they are put on the queue, and what that costs."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

import psutil

from benchmarks.head_start import check_in_time, with_head_start
from benchmarks.place import MeasurementError, Place

if TYPE_CHECKING:
    from benchmarks.contender import Contender
    from benchmarks.figures import Round

SEEDED_A_SECOND: Final = 2_500
LEAD_SECONDS: Final = 12.0
_BASELINE_BEFORE: Final = 5.5
"""Seconds before the due instant: our beat prepares messages from 5 s before on, which is to count."""
_POLL_SECONDS: Final = 0.004
_GIVE_UP_AFTER: Final = 60.0
_MIB: Final = 1024 * 1024


def measure_herd(contender: Contender, tasks: int, *, lead_seconds: float = LEAD_SECONDS) -> Round:
    """Have `tasks` tasks fall due at one instant, while nobody takes their messages.

    Fires are counted per second from the due instant to the last message on the queue. Memory is the
    beat process's resident set: its peak, less what it was before it prepared anything. Round trips are
    beat's with Redis, counted by the server, per fire, from that time on.
    """
    return with_head_start(partial(_measure, contender, tasks), lead_seconds)


def _measure(contender: Contender, tasks: int, lead_seconds: float) -> Round:
    with Place() as place:
        due = float(int(time.time() + lead_seconds + tasks / SEEDED_A_SECOND))
        contender.seed(place, [due] * tasks)
        beat = psutil.Process(contender.start_beat(place).pid)
        place.wait_until(lambda: contender.has_leader(place), "beat leads")
        _sleep_until(due - _BASELINE_BEFORE)
        check_in_time(due)
        before, trips = beat.memory_info().rss, place.round_trips()
        _sleep_until(due - 0.1)
        fired = _Watch(place, contender, beat).until_all_are_queued(tasks, due)
        own_trips = fired.pop("polls") + 2
        fired["round_trips_per_fire"] = max(0.0, place.round_trips() - trips - own_trips) / tasks
        fired["memory_growth_mib"] = max(0.0, fired.pop("peak") - before) / _MIB
        return fired


class _Watch:
    def __init__(self, place: Place, contender: Contender, beat: psutil.Process) -> None:
        self._place = place
        self._queue = contender.queue
        self._beat = beat

    def until_all_are_queued(self, tasks: int, due: float) -> Round:
        peak, polls, first = 0, 0, None
        while True:
            queued = int(self._place.client.llen(self._queue))
            now = time.time()
            polls += 1
            peak = max(peak, self._beat.memory_info().rss)
            if queued and first is None:
                first = now
            if queued >= tasks:
                return {
                    "fires_per_second": tasks / (now - due),
                    "last_after_seconds": now - due,
                    "first_after_seconds": (now if first is None else first) - due,
                    "polls": polls,
                    "peak": peak,
                }
            if now > due + _GIVE_UP_AFTER:
                raise MeasurementError(f"{queued} of {tasks} fired {_GIVE_UP_AFTER:g} s after they were due")
            time.sleep(_POLL_SECONDS)


def _sleep_until(instant: float) -> None:
    time.sleep(max(0.0, instant - time.time()))
