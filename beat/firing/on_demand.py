"""Firing that is loaded when something is about to fall due.

What reads tasks is a tenth of a beat's memory and a quarter of a second of its time. A beat that stands by,
or whose tasks are hours away, does without.
"""

from __future__ import annotations

import math
import time
from functools import cached_property
from typing import TYPE_CHECKING, Final

from beat.firing.prepared import AHEAD_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from beat.firing.firing import Firing

_LONGEST_SECONDS: Final = 0.25
"""How long is prepared in one turn: a quarter of the shortest lease."""


class FiringOnDemand:
    """As `Firing`, which `assemble` makes when it is first needed; what it raises is raised here, too."""

    def __init__(self, assemble: Callable[[], Firing]) -> None:
        self._assemble = assemble

    @cached_property
    def _firing(self) -> Firing:
        return self._assemble()

    @property
    def _is_loaded(self) -> bool:
        return "_firing" in self.__dict__

    @property
    def next_prepared(self) -> float | None:
        """When the next prepared entry is due, in Unix seconds."""
        return self._firing.next_prepared if self._is_loaded else None

    def fire_prepared(self, clock: Callable[[], datetime]) -> list[str]:
        """Commit what was prepared and is due now; return the ids of the runs that were fired."""
        return self._firing.fire_prepared(clock) if self._is_loaded else []

    def rehearse(self, clock: Callable[[], datetime]) -> None:
        """Go through a commit of nothing; see `Firing`."""
        self._firing.rehearse(clock)

    def fire_due(
        self, clock: Callable[[], datetime], *, oldest: float = -math.inf, most_seconds: float = math.inf
    ) -> list[str]:
        """Load and commit what is due now, see `Firing`; return the ids of the runs that were fired."""
        return self._firing.fire_due(clock, oldest=oldest, most_seconds=most_seconds)

    def prepare(
        self, clock: Callable[[], datetime], next_due: float | None, is_woken: Callable[[], bool]
    ) -> bool:
        """Make the requests of what falls due soon, slice by slice; say whether there may be more of them.

        It stops when `next_due` has come, when `is_woken`, and when it is time to renew the lead.
        """
        if next_due is None or next_due > clock().timestamp() + AHEAD_SECONDS:
            return False
        stop_at = time.monotonic() + _LONGEST_SECONDS
        while self._firing.prepare(clock, next_due):
            if is_woken() or clock().timestamp() >= next_due or time.monotonic() >= stop_at:
                return True
        return False

    def forget_prepared(self) -> None:
        """Forget what was prepared: somebody else leads."""
        if self._is_loaded:
            self._firing.forget_prepared()
