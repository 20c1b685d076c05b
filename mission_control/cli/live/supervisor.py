"""Keeping a server, beat and a worker up, and showing what they do."""

import signal
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from mission_control.audit.stream.follow import Follower
from mission_control.processes.fleet import Fleet, FleetError
from mission_control.processes.service_process import ServiceProcess

_ROUND_SECONDS: Final = 0.1
_MOST_RESTARTS: Final = 5
_WITHIN: Final = timedelta(minutes=1)
_FIRST_DELAY: Final = timedelta(milliseconds=500)
_LONGEST_DELAY: Final = timedelta(seconds=10)


class Supervisor:
    """Watches a started fleet and restarts what dies, until it is asked to stop.

    `tell` gets the supervisor's own messages, `show` each audit record as it appears.
    """

    def __init__(
        self,
        fleet: Fleet,
        follower: Follower,
        clock: Callable[[], datetime],
        *,
        tell: Callable[[str], None],
        show: Callable[[dict[str, Any]], None],
    ) -> None:
        self._clock = clock
        self._fleet = fleet
        self._follower = follower
        self._tell = tell
        self._show = show
        self._ends: dict[str, list[datetime]] = defaultdict(list)

    def run(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Show and restart until `is_over`, or until a signal.

        Raises:
            FleetError: a service does not stay up.
        """
        while not is_over():
            self.look_once()
            time.sleep(_ROUND_SECONDS)

    def look_once(self) -> None:
        """Show new records, and restart a service that has ended."""
        for record in self._follower.poll():
            self._show(record)
        dead = self._fleet.dead_service()
        if dead is not None:
            self._restart(dead)

    def _restart(self, dead: ServiceProcess) -> None:
        ends = self._ends[dead.name]
        ends.append(self._clock())
        delay = restart_delay(ends)
        ended = f"{dead.name} ended by itself with {_how(dead.exit_code)}"
        if delay is None:
            raise FleetError(f"{ended}, after {_MOST_RESTARTS} restarts within a minute; see its log above")
        self._tell(f"{ended}; restarting it in {delay.total_seconds():g} s")
        time.sleep(delay.total_seconds())
        self._fleet.restart(dead)


def restart_delay(ends: Sequence[datetime]) -> timedelta | None:
    """Return after which delay a service is restarted that ended at each of `ends`, most recently now.

    Each end within a minute doubles the delay. After more than five of them it stays down: None.

    >>> from datetime import UTC, datetime
    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> restart_delay([noon]).total_seconds(), restart_delay([noon] * 6)
    (0.5, None)
    """
    recent = [end for end in ends if ends[-1] - end < _WITHIN]
    if len(recent) > _MOST_RESTARTS:
        return None
    return min(_FIRST_DELAY * (1 << (len(recent) - 1)), _LONGEST_DELAY)


def _how(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"signal {signal.Signals(-exit_code).name}"
    except ValueError:  # this platform has no name for it
        return f"signal {-exit_code}"
