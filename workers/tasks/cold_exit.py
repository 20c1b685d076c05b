"""The cold exit of a worker whose pool cannot kill a handler: threads and solo.

Celery's cold shutdown kills running handlers, which such a pool cannot do, or waits for them for hours.
"""

import os
import threading
import time
from contextlib import suppress
from typing import Final

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from mission_control.events import events
from mission_control.messaging.transport.held_messages import give_back_held_messages
from workers.attempt.attempt_guard import AttemptGuard

GRACE_SECONDS: Final = 2.0
"""How long an interrupted handler may clean up before the process ends anyway."""

_LOOK_EVERY_SECONDS: Final = 0.05


class ColdExit:
    """Ends this process soon after its handlers were interrupted, even if they go on.

    First it releases their leases and gives back the held messages, so that other workers run them.
    """

    def __init__(self, guard: AttemptGuard) -> None:
        self._guard = guard
        self._has_begun = False

    def begin(self) -> None:
        """Begin to exit; may be called from a signal handler, and repeatedly."""
        if not self._has_begun:
            self._has_begun = True
            threading.Thread(target=self._run, name="cold exit", daemon=True).start()

    def _run(self) -> None:
        until = time.monotonic() + GRACE_SECONDS
        while self._guard.runs_any and time.monotonic() < until:
            time.sleep(_LOOK_EVERY_SECONDS)
        if not self._guard.runs_any:
            return  # Celery ends the process
        events.handlers_abandoned()
        with suppress(RedisError):
            self._guard.release_all()
        with suppress(RedisError, OperationalError):
            give_back_held_messages()
        os._exit(0)
