"""Work other than firing, which must never keep beat from firing."""

import time
from collections.abc import Callable
from typing import Final

from beat.turn.lead import NotLeadingError
from mission_control.events import events
from mission_control.messaging.redis_failures import is_redis_failure, is_wrong_type

LEFT_FOR_SECONDS: Final = 10.0


class SideWork:
    """Does steps. One that fails is logged, and left alone for a while.

    Trouble with Redis, or a lost lead, is raised.

    `on_wrong_type` is called when a key has the wrong type, to report or repair it.
    """

    def __init__(self, on_wrong_type: Callable[[], object]) -> None:
        self._on_wrong_type = on_wrong_type
        self._left_until: dict[str, float] = {}

    def __call__(self, name: str, step: Callable[[], int | None], *, every: float = 0.0) -> int:
        """Do the step of that name, unless it was done less than `every` seconds ago.

        Returns what the step returned, 0 for nothing or if it was not done.
        """
        if time.monotonic() < self._left_until.get(name, 0.0):
            return 0
        done, again = 0, every
        try:
            done = step() or 0
        except Exception as error:
            if is_redis_failure(error) or isinstance(error, NotLeadingError):
                raise
            if is_wrong_type(error):
                self._on_wrong_type()
            else:
                events.turn_failed(error)
            again = LEFT_FOR_SECONDS
        self._left_until[name] = time.monotonic() + again
        return done
