"""How long the parts of an attempt may take, as the guard sees it."""

from __future__ import annotations

import math
import time
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded

from tests.samples.ledger_runs import a_run
from workers.attempt.attempt_guard import GuardedAttempt
from workers.call.condition import LIMIT_SECONDS, not_in_time

APP: Any = None
OVERTIME = not_in_time("handlers.conditions.on_call", LIMIT_SECONDS)


class Stay:
    """A call that notes with what it was interrupted."""

    uses_signal = True

    def __init__(self) -> None:
        self.interrupted_by: list[type[BaseException]] = []

    def interrupt(self, reason: type[BaseException]) -> bool:
        self.interrupted_by.append(reason)
        return True


def test_condition_is_stopped_at_its_own_limit_and_killed_under_its_name() -> None:
    stay: Any = Stay()
    guarded = GuardedAttempt(APP, a_run(), math.inf)
    with guarded.begins(stay, within=LIMIT_SECONDS, overtime=OVERTIME):
        guarded.stop_in_time(time.monotonic() + LIMIT_SECONDS - 1)
        assert stay.interrupted_by == []
        guarded.stop_in_time(time.monotonic() + LIMIT_SECONDS + 1)
        assert stay.interrupted_by == [SoftTimeLimitExceeded]
        assert guarded.kill_for is OVERTIME
        assert guarded.kill_at < math.inf


def test_handler_after_a_condition_has_the_limit_of_its_task() -> None:
    first, second = Stay(), Stay()
    calls: list[Any] = [first, second]
    guarded = GuardedAttempt(APP, a_run(), 60.0)
    with guarded.begins(calls[0], within=LIMIT_SECONDS, overtime=OVERTIME):
        pass
    with guarded.begins(calls[1]):
        guarded.stop_in_time(time.monotonic() + 50)
        assert second.interrupted_by == []
        guarded.stop_in_time(time.monotonic() + 61)
    assert (first.interrupted_by, second.interrupted_by) == ([], [SoftTimeLimitExceeded])
    assert guarded.kill_for is not None
    assert guarded.kill_for.reason == "timed_out"
