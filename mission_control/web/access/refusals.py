"""Records of what was refused, in the stream of changes."""

from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from mission_control.installation.installation import Installation
from mission_control.registry.change_log import ChangeLog

_APART: Final = timedelta(minutes=1)


class Refusals:
    """Records refusals. Of unknown callers one a minute, with their count, so that none can fill the disk."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._lock = Lock()
        self._count = 0
        self._last: datetime | None = None

    def unknown(self, why: str) -> None:
        """Record that a caller who is not known was refused."""
        now = self._installation.clock()
        with self._lock:
            self._count += 1
            if self._last is not None and now - self._last < _APART:
                return
            count, self._count, self._last = self._count, 0, now
        more = "" if count == 1 else f" ({count} times since the last record)"
        self.known("web", "*", f"{why}{more}")

    def known(self, actor: str, task_id: str, why: str) -> None:
        """Record that a caller may not do something."""
        log = ChangeLog(self._installation.changes, actor=actor)
        log.record(task_id, "refused", {}, {}, reason=why, at=self._installation.clock())
