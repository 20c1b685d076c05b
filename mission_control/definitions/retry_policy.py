"""When a failed attempt is tried again, and after which delay."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pydantic import Field

from mission_control.definitions.fields import Seconds
from mission_control.definitions.frozen_model import FrozenModel

MOST_RETRIES = 10_000
# 2 ** 64 times any delay is far beyond every cap, and larger exponents would overflow a float.
_LARGEST_EXPONENT = 64


class RetryPolicy(FrozenModel):
    """How often and how soon a failed run is tried again.

    `max_retries` counts the attempts after the first: 0 means none. `backoff` "fixed" waits
    `retry_delay_seconds` each time; "exponential" doubles it from retry to retry, up to
    `max_delay_seconds`, which a fixed delay ignores. With `jitter` each wait is drawn anew between
    zero and that delay, so that runs which failed together do not return together.
    """

    max_retries: int = Field(default=3, ge=0, le=MOST_RETRIES)
    retry_delay_seconds: Seconds = 300
    backoff: Literal["fixed", "exponential"] = "fixed"
    max_delay_seconds: Seconds = 3600
    jitter: bool = False


@dataclass(frozen=True)
class RetryIn:
    """Try again after `delay`."""

    delay: timedelta


@dataclass(frozen=True)
class GiveUp:
    """This attempt was the last; its outcome is the run's."""


def decide_retry(
    policy: RetryPolicy, *, attempt: int, retryable: bool, rng: random.Random | None = None
) -> RetryIn | GiveUp:
    """Decide what follows the failed attempt number `attempt` (1-based).

    A run has at most `policy.max_retries` attempts after its first. An attempt whose failure is not
    `retryable` (it broke the handler contract, say) is the last in any case. Without jitter the answer
    depends on the arguments alone; with it, `rng` draws the delay ("full jitter", as in Marc Brooker's
    "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).

    >>> decide_retry(RetryPolicy(max_retries=1), attempt=1, retryable=True)
    RetryIn(delay=datetime.timedelta(seconds=300))
    >>> decide_retry(RetryPolicy(max_retries=1), attempt=2, retryable=True)
    GiveUp()
    """
    if not retryable or attempt > policy.max_retries:
        return GiveUp()
    seconds = _delay_seconds(policy, attempt)
    if policy.jitter:
        source = rng if rng is not None else random.SystemRandom()
        seconds = source.uniform(0, seconds)
    return RetryIn(timedelta(seconds=seconds))


def _delay_seconds(policy: RetryPolicy, attempt: int) -> float:
    if policy.backoff == "fixed":
        return policy.retry_delay_seconds
    doublings = min(attempt - 1, _LARGEST_EXPONENT)
    return min(policy.retry_delay_seconds * 2.0**doublings, policy.max_delay_seconds)
