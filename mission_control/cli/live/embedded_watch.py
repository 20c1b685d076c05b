"""Starting the embedded server again if it dies while its only long-lived user looks on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from mission_control.store.connection import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from mission_control.installation.installation import Installation

_EVERY_SECONDS: Final = 1.0


class EmbeddedWatch:
    """Looks after the embedded server of an installation that has one."""

    def __init__(self, installation: Installation, tell: Callable[[str], None]) -> None:
        self._settings = installation.settings
        self._url = installation.redis_url
        self._client = installation.client
        self._tell = tell
        self._look_at = 0.0

    def has_moved(self) -> bool:
        """Revive the server if it is dead; True if it took another port, so that all must look anew."""
        from redis.exceptions import RedisError

        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + _EVERY_SECONDS
        try:
            self._client.ping()
        except RedisError as error:
            self._tell(f"the embedded server does not answer ({error}); it is started again")
            return self._revive()
        return False

    def _revive(self) -> bool:
        from mission_control.installation.redis_url import resolve_redis_url

        before, self._url = self._url, resolve_redis_url(self._settings)
        if before == self._url:
            return False
        self._client = connect(self._url)
        return True
