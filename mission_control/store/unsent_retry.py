"""Connect again after a refusal, but never send a command twice."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from mission_control.errors import EmbeddedServerError

Answer = TypeVar("Answer")

RETRIES = 3
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 0.5


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
