"""Connections to Redis that never hang, and whose errors say what to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, TypeVar

import redis
from redis.backoff import ExponentialBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from mission_control.errors import EmbeddedServerError, SettingsError, StoreUnavailableError
from mission_control.store.address.sentinel_connection import master_client
from mission_control.store.address.sentinel_url import is_sentinel_url, read_sentinel_url
from mission_control.store.address.url_spelling import EXPECTED, VARIABLE, client_url, mask_password
from mission_control.store.embedded.embedded_server import folder_of_joined
from mission_control.store.troubles import explain

Answer = TypeVar("Answer")

RETRIES = 3
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 0.5
CONNECT_SECONDS = 2.0
READ_SECONDS = 4.0

# Otherwise redis-py parses its package's metadata for each connection, to tell the server its version.
driver_info = cache(DriverInfo)


class UnsentRetry(Retry):
    """redis-py's retry, limited to refused connections.

    Such a command was certainly not run. One whose answer was cut off may have been, and sending it again
    would turn "done" into "already exists", so that is left to the caller. It bridges a quick restart.
    `enter` is called before each try, and `revive` after a refused one, to start the server again; both are
    plain functions because redis-py copies this.
    """

    def __init__(
        self, revive: Callable[[], None] | None = None, *, enter: Callable[[], None] | None = None
    ) -> None:
        self._revive = revive
        self._enter = enter
        backoff = ExponentialBackoff(cap=LONGEST_DELAY_SECONDS, base=FIRST_DELAY_SECONDS)
        super().__init__(backoff, RETRIES, (RedisConnectionError,))

    def call_with_retry(
        self,
        do: Callable[[], Answer],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> Answer:
        """Call `do` until it works or its error is one that must not be retried."""

        def was_refused(error: Exception) -> bool:
            allowed = is_retryable is None or is_retryable(error)
            return allowed and isinstance(error.__context__, ConnectionRefusedError)

        def refused(error: Exception, *failures: int) -> None:
            fail(error, *failures)
            if self._revive is not None:
                try:
                    self._revive()
                except EmbeddedServerError as cause:
                    raise RedisConnectionError(str(error)) from cause

        attempt = do if self._enter is None else partial(_after, self._enter, do)
        return super().call_with_retry(attempt, refused, was_refused, with_failure_count)


def _after(enter: Callable[[], None], do: Callable[[], Answer]) -> Answer:
    try:
        enter()
    except EmbeddedServerError as cause:
        raise RedisConnectionError(str(cause)) from cause
    return do()


def connect(
    url: str,
    *,
    read_seconds: float = READ_SECONDS,
    revive: Callable[[], None] | None = None,
    enter: Callable[[], None] | None = None,
) -> redis.Redis:
    """Return a client for `url`; the first command connects.

    Text comes back as `str`. The client's pool may be used by several threads and goes on working in a forked
    child. Connecting is given 2 s for each address of the host, an answer `read_seconds`; a refused
    connection is tried again for under a second, after `revive()` if given; no command is ever sent twice.
    `enter()`, if given, is called before each connection and command. A blocking command must block for less
    than `read_seconds`. Looking up a host name is the system's resolver's affair and has the resolver's time
    limit. Options in the URL's query (`socket_timeout=30`) win. Where Sentinels name the server, each
    connection is one to their master of the moment.

    Raises:
        SettingsError: the URL cannot be used; names MISSION_CONTROL_REDIS_URL, never the password.
    """
    address = client_url(url)
    limits: dict[str, Any] = {
        "decode_responses": True,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": read_seconds,
        "retry": UnsentRetry(revive, enter=enter),
        # A feature of Redis Enterprise; elsewhere each connection would ask for it in vain.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        "driver_info": driver_info(),
    }
    try:
        client = _client(address, limits)
        client.connection_pool.make_connection()  # connects to nothing, but looks at the options
    except (ValueError, TypeError, redis.RedisError) as error:
        problem = f"an option after '?' cannot be used ({error})"
        raise SettingsError(f"{VARIABLE}: {mask_password(url)!r}: {problem}; {EXPECTED}") from error
    return client


def _client(address: str, limits: dict[str, Any]) -> redis.Redis:
    if not is_sentinel_url(address):
        return redis.Redis.from_url(address, **limits)
    return master_client(read_sentinel_url(address), **limits)


@contextmanager
def store_errors(url: str) -> Iterator[None]:
    """Turn every Redis error that is a trouble of the server or the way to it into `StoreUnavailableError`.

    Errors of the caller (wrong type of key, a lost WATCH, a bad script) pass through as they are. After a
    timeout or a connection cut in the middle, the operation may or may not have been done.

    Raises:
        StoreUnavailableError: says which server (password masked), what is wrong, and the remedy.
    """
    try:
        yield
    except redis.RedisError as error:
        explanation = explain(error, managed_folder=folder_of_joined(url))
        if explanation is None:
            raise
        raise StoreUnavailableError(f"Redis at {mask_password(url)} {explanation}") from error


def refusal(url: str, answer: str) -> StoreUnavailableError:
    """Return the error that a script's answer stands for, as `store_errors` words it."""
    explanation = explain(redis.ResponseError(answer))
    what = f"refuses it: {answer}" if explanation is None else explanation
    return StoreUnavailableError(f"Redis at {mask_password(url)} {what}")
