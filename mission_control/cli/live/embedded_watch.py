"""Restarting the embedded server when it dies."""

import time
from collections.abc import Callable
from typing import Final

from redis import Redis

from mission_control.configuration.settings import Settings
from mission_control.store.connection import connect

_EVERY_SECONDS: Final = 1.0


class EmbeddedWatch:
    """Watches an embedded server, and restarts it when it stops responding."""

    def __init__(self, settings: Settings, url: str, client: Redis, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._url = url
        self._client = client
        self._tell = tell
        self._look_at = 0.0

    def has_moved(self) -> bool:
        """Restart the server if it is dead; True if it has a new address, which all clients must look up."""
        from redis.exceptions import RedisError

        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + _EVERY_SECONDS
        try:
            self._client.ping()
        except RedisError as error:
            self._tell(f"the embedded server does not answer ({error}); restarting it")
            return self._revive()
        return False

    def _revive(self) -> bool:
        from mission_control.installation.redis_url import resolve_redis_url

        before, self._url = self._url, resolve_redis_url(self._settings)
        if before == self._url:
            return False
        self._client = connect(self._url)
        return True
