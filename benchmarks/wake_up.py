"""A task that is entered while beat sleeps and is due soon: how late it is fired."""

from __future__ import annotations

import time
from typing import Final

from benchmarks.arrivals import Arrivals
from benchmarks.contender import Contender
from benchmarks.figures import Round
from benchmarks.place import Place

DUE_IN_SECONDS: Final = 2.0
FALL_ASLEEP_SECONDS: Final = 2.0


def measure_wake_up(contender: Contender, *, wait_seconds: float) -> Round:
    """Enter a task that is due in two seconds; wait for its message, at most `wait_seconds` after.

    If it does not come, `late_ms` is that bound and `gave_up` is 1: it is later than that.
    """
    with Place() as place:
        contender.start_beat(place)
        place.wait_until(lambda: contender.has_leader(place), "beat leads")
        time.sleep(FALL_ASLEEP_SECONDS)
        due = float(int(time.time() + DUE_IN_SECONDS + 0.5))
        contender.add(place, due)
        moments = Arrivals(place, contender.queue).until(due + wait_seconds, 1)
        late = moments[0] - due if moments else wait_seconds
        return {"late_ms": late * 1_000, "gave_up": float(not moments)}
