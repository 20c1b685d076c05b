"""A task's retry policy: how often, and how soon, a failed attempt is repeated."""

from typing import Literal

from pydantic import Field

from mission_control.model.values.fields import Seconds
from mission_control.model.values.frozen_model import FrozenModel

MOST_RETRIES = 10_000


class RetryPolicy(FrozenModel):
    """How often, and how soon, a failed attempt is repeated.

    `max_retries` counts the attempts after the first: 0 means none. `backoff` "fixed" waits
    `retry_delay_seconds` each time; "exponential" doubles it from retry to retry, up to
    `max_delay_seconds`, which a fixed delay ignores. With `jitter` each wait is a random time between
    zero and that delay, so that runs which failed together are not retried together.
    """

    max_retries: int = Field(default=3, ge=0, le=MOST_RETRIES)
    retry_delay_seconds: Seconds = 300
    backoff: Literal["fixed", "exponential"] = "fixed"
    max_delay_seconds: Seconds = 3600
    jitter: bool = False
