"""The leading beat is killed: how long until another one fires."""

from __future__ import annotations

import os
import signal
import time
from typing import Final

from benchmarks.contender import Contender
from benchmarks.figures import Round
from benchmarks.place import Place
from benchmarks.stock import Stock

SECOND_BEAT_SECONDS: Final = 3.0
_GIVE_UP_AFTER: Final = 60.0


def measure_failover(contender: Contender) -> Round:
    """Kill the leader of two beats by SIGKILL; measure until the next message, of a task due each second."""
    with Place() as place:
        leader = _two_beats(place, contender)
        os.kill(leader, signal.SIGKILL)
        killed_at = time.monotonic()
        seen = place.client.llen(contender.queue)
        place.wait_until(
            lambda: place.client.llen(contender.queue) > seen, "the second beat fires", _GIVE_UP_AFTER
        )
        return {"silent_seconds": time.monotonic() - killed_at}


def measure_default_lock() -> Round:
    """Read how long stock RedBeat's lock outlives its holder by default: no beat can fire before.

    The holder has been at work for a few seconds; its lock is renewed each time it wakes up.
    """
    stock = Stock(loop_seconds=None)
    with Place() as place:
        stock.seed_every_second(place)
        stock.start_beat(place)
        place.wait_until(lambda: place.client.llen(stock.queue), "beat fires")
        return {"silent_seconds": stock.lock_left_seconds(place)}


def _two_beats(place: Place, contender: Contender) -> int:
    """Start two beats of which the first leads and fires; return its process id."""
    contender.seed_every_second(place)
    first = contender.start_beat(place)
    place.wait_until(lambda: contender.has_leader(place), "beat leads")
    contender.start_beat(place)
    time.sleep(SECOND_BEAT_SECONDS)
    place.wait_until(lambda: place.client.llen(contender.queue), "beat fires")
    return first.pid
