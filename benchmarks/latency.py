"""One occurrence a second on an otherwise idle machine: how late its message and its handler are."""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from benchmarks.arrivals import Arrivals
from benchmarks.contender import Contender
from benchmarks.figures import Round, percentile
from benchmarks.head_start import check_in_time, with_head_start
from benchmarks.place import MeasurementError, Place
from benchmarks.stamps import read_starts

WHOLE: Final = (0.0,)
FRACTIONS: Final = (0.25, 0.73)
WARM_UP: Final = 4
"""Occurrences that are not counted: connections are opened, and both children of a pool first used."""
LEAD_SECONDS: Final = 8.0
_LAST_GRACE: Final = 2.0


def measure_handler_start(
    contender: Contender,
    occurrences: int,
    fractions: Sequence[float] = WHOLE,
    *,
    lead_seconds: float = LEAD_SECONDS,
    warm_up: int = WARM_UP,
) -> Round:
    """Measure when the handler is started in a real worker, after the instant its occurrence was due."""

    def measure(lead: float) -> Round:
        instants = _instants(occurrences + warm_up, fractions, lead)
        return _lateness("handler_start", _handler_starts(contender, instants), instants, warm_up)

    return with_head_start(measure, lead_seconds)


def measure_message(
    contender: Contender,
    occurrences: int,
    fractions: Sequence[float] = WHOLE,
    *,
    lead_seconds: float = LEAD_SECONDS,
    warm_up: int = WARM_UP,
) -> Round:
    """Measure beat's share: when the message can be popped, after the instant it was due."""

    def measure(lead: float) -> Round:
        instants = _instants(occurrences + warm_up, fractions, lead)
        return _lateness("message", _arrivals(contender, instants), instants, warm_up)

    return with_head_start(measure, lead_seconds)


def _handler_starts(contender: Contender, instants: Sequence[float]) -> list[float]:
    with Place() as place:
        contender.seed(place, instants)
        contender.start_worker(place)
        contender.start_beat(place)
        place.wait_until(lambda: contender.has_leader(place), "beat leads")
        place.wait_for_worker()
        check_in_time(instants[0])
        time.sleep(max(0.0, instants[-1] + _LAST_GRACE - time.time()))
        return read_starts(place.stamps)


def _arrivals(contender: Contender, instants: Sequence[float]) -> list[float]:
    with Place() as place:
        contender.seed(place, instants)
        contender.start_beat(place)
        place.wait_until(lambda: contender.has_leader(place), "beat leads")
        check_in_time(instants[0])
        return Arrivals(place, contender.queue).until(instants[-1] + _LAST_GRACE, len(instants))


def _instants(occurrences: int, fractions: Sequence[float], lead_seconds: float) -> list[float]:
    first = math.ceil(time.time() + lead_seconds)
    return [first + at + fractions[at % len(fractions)] for at in range(occurrences)]


def _lateness(what: str, moments: Sequence[float], instants: Sequence[float], warm_up: int) -> Round:
    """Compare each moment with the last instant before it; one too early is nearly a second late."""
    if len(moments) != len(instants):
        raise MeasurementError(f"{len(moments)} of {len(instants)} occurrences were seen")
    late = [(moment - instants[max(0, bisect_right(instants, moment) - 1)]) * 1_000 for moment in moments]
    counted = late[warm_up:]
    return {f"{what}_p50_ms": percentile(counted, 0.50), f"{what}_p99_ms": percentile(counted, 0.99)}
