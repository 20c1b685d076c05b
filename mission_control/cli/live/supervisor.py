"""Keeping beat and worker up in the foreground, and showing what they do."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from mission_control.audit.stream.follow import Follower
from mission_control.processes.fleet import Fleet
from mission_control.processes.keeper import Keeper

_ROUND_SECONDS: Final = 0.1


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
        self._keeper = Keeper(fleet, clock, tell)
        self._follower = follower
        self._show = show

    def run(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Show and restart until `is_over`, or until a signal.

        Raises:
            FleetError: a service does not stay up.
        """
        while not is_over():
            for record in self._follower.poll():
                self._show(record)
            self._keeper.look_once()
            time.sleep(_ROUND_SECONDS)
