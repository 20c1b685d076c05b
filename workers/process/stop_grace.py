"""The grace of a worker that stops: its handlers may finish, and what has not is given back then."""

import os
import signal
import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass
class StopGrace:
    """Ends a warm shutdown of Celery, which waits without limit, with a cold one after `seconds`."""

    seconds: float
    _timer: threading.Timer | None = field(default=None)

    def begin(self, how: str, **_: Any) -> None:  # noqa: ANN401  # a signal's arguments
        """Receive Celery's signal `worker_shutting_down`; may be called from a signal handler."""
        if how == "Warm" and self._timer is None:
            self._timer = threading.Timer(self.seconds, os.kill, (os.getpid(), signal.SIGQUIT))
            self._timer.daemon = True
            self._timer.start()
