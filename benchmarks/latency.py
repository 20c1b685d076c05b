"""One occurrence a second on an otherwise idle machine: how late its message and its handler are."""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from benchmarks.arrivals import Arrivals
from benchmarks.figures import percentile
from benchmarks.place import MeasurementError, Place
from benchmarks.stamps import read_starts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contender import Contender
    from benchmarks.figures import Round

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
) -> Round:
    """Measure when the handler is started in a real worker, after the instant its occurrence was due."""
    with Place() as place:
        instants = _instants(occurrences, fractions, lead_seconds)
        contender.seed(place, instants)
        contender.start_worker(place)
        contender.start_beat(place)
        place.wait_until(lambda: contender.has_leader(place), "beat leads")
        place.wait_for_worker()
        time.sleep(max(0.0, instants[-1] + _LAST_GRACE - time.time()))
        return _lateness(read_starts(place.stamps), instants, "handler_start")


def measure_message(
    contender: Contender,
    occurrences: int,
    fractions: Sequence[float] = WHOLE,
    *,
    lead_seconds: float = LEAD_SECONDS,
) -> Round:
    """Measure beat's own share: when the message can be popped, after the instant it was due."""
    with Place() as place:
        instants = _instants(occurrences, fractions, lead_seconds)
        contender.seed(place, instants)
        contender.start_beat(place)
        arrivals = Arrivals(place, contender.queue)
        return _lateness(arrivals.until(instants[-1] + _LAST_GRACE, len(instants)), instants, "message")


def _instants(occurrences: int, fractions: Sequence[float], lead_seconds: float) -> list[float]:
    first = math.ceil(time.time() + lead_seconds)
    return [first + at + fractions[at % len(fractions)] for at in range(occurrences + WARM_UP)]


def _lateness(moments: Sequence[float], instants: Sequence[float], what: str) -> Round:
    """Compare each moment with the last instant before it; one too early is nearly a second late."""
    if len(moments) != len(instants):
        raise MeasurementError(f"{len(moments)} of {len(instants)} occurrences were seen")
    late = [(moment - instants[max(0, bisect_right(instants, moment) - 1)]) * 1_000 for moment in moments]
    counted = late[WARM_UP:]
    return {f"{what}_p50_ms": percentile(counted, 0.50), f"{what}_p99_ms": percentile(counted, 0.99)}
