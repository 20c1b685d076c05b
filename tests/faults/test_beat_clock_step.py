"""A clock that is set back while beat waits on Redis."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from beat.turn.wake_up import WakeUp, countdown, exactly
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

WAIT = 0.2


class SteppingClock:
    """Reads the time, and an hour less once it has been read so often."""

    def __init__(self, reads: int) -> None:
        self._reads = reads

    def __call__(self) -> float:
        self._reads -= 1
        return time.time() - (0 if self._reads >= 0 else 3_600)


@pytest.mark.parametrize("reads", [2, 1_000], ids=["while it sleeps", "just before the due time"])
def test_clock_set_back_makes_no_wait_longer(installation: Installation, reads: int) -> None:
    wake_up = WakeUp(installation.client)
    wake_up.wait(countdown(time.time(), time.time))  # subscribes
    clock = SteppingClock(reads)
    wait = exactly(wake_up.wait, installation.client.ping)
    began = time.monotonic()
    assert wait(countdown(clock() + WAIT, clock)) is False
    assert time.monotonic() - began < 10 * WAIT
    wake_up.close()


def test_change_during_a_wait_with_the_clock_set_back_is_noticed(installation: Installation) -> None:
    wake_up = WakeUp(installation.client)
    wake_up.wait(countdown(time.time(), time.time))
    installation.client.publish(redis_keys.WAKE_CHANNEL, "task")
    clock = SteppingClock(2)
    assert wake_up.wait(countdown(clock() + WAIT, clock)) is True
    wake_up.close()
