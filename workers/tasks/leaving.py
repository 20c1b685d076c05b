"""How a worker leaves at once whose pool cannot take a handler away: threads and solo.

Celery's cold shutdown kills what runs, which such a pool cannot do, or waits for it, perhaps for hours.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from mission_control.events import events
from mission_control.messaging.transport.held_messages import give_back_held_messages

if TYPE_CHECKING:
    from workers.attempt.watch import Watch

GRACE_SECONDS: Final = 2.0
"""What a handler that was interrupted has to clean up, before the process ends all the same."""

_LOOK_EVERY_SECONDS: Final = 0.05


class Leaving:
    """Ends this process soon after its handlers were interrupted, if they do not let it end.

    Their leases are given up and the messages in hand given back first: the runs go on elsewhere.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._has_begun = False

    def begin(self) -> None:
        """Begin to leave; may be called from a signal handler, and again."""
        if not self._has_begun:
            self._has_begun = True
            threading.Thread(target=self._run, name="leaving", daemon=True).start()

    def _run(self) -> None:
        until = time.monotonic() + GRACE_SECONDS
        while self._watch.runs_any and time.monotonic() < until:
            time.sleep(_LOOK_EVERY_SECONDS)
        if not self._watch.runs_any:
            return  # Celery ends in good order
        events.handlers_abandoned()
        with suppress(RedisError):
            self._watch.release_all()
        with suppress(RedisError, OperationalError):
            give_back_held_messages()
        os._exit(0)
