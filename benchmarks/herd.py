"""Many tasks due at one instant: how fast they are put on the queue, and what that costs."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

import psutil

from benchmarks.command_count import CommandCount
from benchmarks.contender import Contender
from benchmarks.figures import Round
from benchmarks.head_start import check_in_time, with_head_start
from benchmarks.place import MeasurementError, Place

SEEDED_A_SECOND: Final = 2_500
LEAD_SECONDS: Final = 12.0
MOST_COUNTED: Final = 10_000
_BASELINE_BEFORE: Final = 5.5
"""Seconds before the due instant: our beat prepares messages from 5 s before on, which is to count."""
_POLL_SECONDS: Final = 0.004
_GIVE_UP_AFTER: Final = 60.0
_MIB: Final = 1024 * 1024


def measure_herd(contender: Contender, tasks: int, *, lead_seconds: float = LEAD_SECONDS) -> Round:
    """Have `tasks` tasks fall due at one instant, while no worker takes their messages.

    Fires are counted per second from the due instant to the last message on the queue. Memory is the
    beat process's resident set: its peak, less what it was before it prepared anything. Beat's commands are
    counted from that time on, in a herd of their own of at most `MOST_COUNTED`: to count them costs time.
    """
    counted = min(tasks, MOST_COUNTED)
    return {
        **with_head_start(partial(_measure_speed, contender, tasks), lead_seconds),
        **with_head_start(partial(_count_commands, contender, counted), lead_seconds),
    }


def _measure_speed(contender: Contender, tasks: int, lead_seconds: float) -> Round:
    with Place() as place:
        due = float(int(time.time() + lead_seconds + tasks / SEEDED_A_SECOND))
        contender.seed(place, [due] * tasks)
        beat = psutil.Process(contender.start_beat(place).pid)
        place.wait_until(lambda: contender.has_leader(place), "beat leads")
        _sleep_until(due - _BASELINE_BEFORE)
        check_in_time(due)
        before = beat.memory_info().rss
        _sleep_until(due - 0.1)
        fired = _Watch(place, contender, beat).until_all_are_queued(tasks, due)
        fired["memory_growth_mib"] = max(0.0, fired.pop("peak") - before) / _MIB
        return fired


def _count_commands(contender: Contender, tasks: int, lead_seconds: float) -> Round:
    with Place() as place:
        due = float(int(time.time() + lead_seconds + tasks / SEEDED_A_SECOND))
        contender.seed(place, [due] * tasks)
        contender.start_beat(place)
        place.wait_until(lambda: contender.has_leader(place), "beat leads")
        _sleep_until(due - _BASELINE_BEFORE)
        check_in_time(due)
        with CommandCount(place) as count:
            place.wait_until(lambda: place.client.llen(contender.queue) >= tasks, "all are queued")
        return {"commands_per_fire": count.commands / tasks}


class _Watch:
    def __init__(self, place: Place, contender: Contender, beat: psutil.Process) -> None:
        self._place = place
        self._queue = contender.queue
        self._beat = beat

    def until_all_are_queued(self, tasks: int, due: float) -> Round:
        peak, first = 0, None
        while True:
            queued = int(self._place.client.llen(self._queue))
            now = time.time()
            peak = max(peak, self._beat.memory_info().rss)
            if queued and first is None:
                first = now
            if queued >= tasks:
                return {
                    "fires_per_second": tasks / (now - due),
                    "last_after_seconds": now - due,
                    "first_after_seconds": (now if first is None else first) - due,
                    "peak": peak,
                }
            if now > due + _GIVE_UP_AFTER:
                raise MeasurementError(f"{queued} of {tasks} fired {_GIVE_UP_AFTER:g} s after they were due")
            time.sleep(_POLL_SECONDS)


def _sleep_until(instant: float) -> None:
    time.sleep(max(0.0, instant - time.time()))
