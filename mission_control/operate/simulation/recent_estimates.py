"""Estimates for pages, which do not wait for them: a forecast of a large installation takes seconds."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from threading import Lock, Thread
from typing import Final

from redis import RedisError

from mission_control.ledger.run_reader import RunReader
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import WAITING_STATES
from mission_control.operate.simulation.eta import Eta
from mission_control.operate.simulation.forecast import Estimate

_FRESH: Final = 30.0
_PATIENCE: Final = 0.1
_SHARE: Final = 50
_MOST_KEPT: Final = 500


@lru_cache(8)
def recent_estimates(_ledger: RunReader) -> RecentEstimates:
    """Return the estimates of the runs of a ledger."""
    return RecentEstimates()


class RecentEstimates:
    """Makes estimates in a thread, in a fiftieth of the time at most; each is good for half a minute."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Estimate | None]] = {}
        self._works = Lock()
        self._rest_until = 0.0

    def of_runs(self, eta: Eta, runs: Iterable[RunRecord], now: datetime) -> dict[str, Estimate | None]:
        """Return those of waiting runs that are known by now, or in 0.1 s; the others come later."""
        wanted = {run.execution_id: run for run in runs if run.state in WAITING_STATES}
        oldest = min((self._known.get(name, (-math.inf,))[0] for name in wanted), default=math.inf)
        is_due = time.monotonic() > max(oldest + _FRESH, self._rest_until)
        if is_due and self._works.acquire(blocking=False):
            thread = Thread(target=self._estimate, args=(eta, [*wanted.values()], now), daemon=True)
            thread.start()
            thread.join(_PATIENCE)
        return {name: self._known[name][1] for name in wanted if name in self._known}

    def _estimate(self, eta: Eta, wanted: list[RunRecord], now: datetime) -> None:
        began = time.monotonic()
        try:
            with suppress(RedisError):
                found = {name: (began, one) for name, one in eta.of_runs(wanted, now).items()}
                self._known = {**dict([*self._known.items()][-_MOST_KEPT:]), **found}
        finally:
            self._rest_until = time.monotonic() + _SHARE * (time.monotonic() - began)
            self._works.release()
