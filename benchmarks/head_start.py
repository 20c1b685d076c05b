"""Giving beat the time that it needs to be ready before what is measured falls due."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from benchmarks.figures import Round
from benchmarks.place import MeasurementError

_TRIES: Final = 4


class TooLateError(MeasurementError):
    """Everything was ready only after the first occurrence was due."""


def check_in_time(due: float) -> None:
    """Check that `due` (Unix seconds) still lies ahead.

    Raises:
        TooLateError: it does not.
    """
    if time.time() >= due:
        raise TooLateError("beat was ready only after the first occurrence was due; the machine is too busy")


def with_head_start(measure: Callable[[float], Round], lead_seconds: float) -> Round:
    """Measure with a lead, and if that is too short with one twice as long, and so on.

    Raises:
        TooLateError: several times as long was not enough either.
    """
    for _ in range(_TRIES - 1):
        try:
            return measure(lead_seconds)
        except TooLateError:
            lead_seconds *= 2
    return measure(lead_seconds)
