"""When a failed attempt is tried again, and after which delay."""

import random
from dataclasses import dataclass
from datetime import timedelta

from mission_control.model.definitions.task_parts import RetryPolicy

# 2 ** 64 times any delay is far beyond every cap, and larger exponents would overflow a float.
_LARGEST_EXPONENT = 64


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

    >>> from mission_control.model.definitions.task_parts import RetryPolicy
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


def longest_retrying(policy: RetryPolicy) -> timedelta:
    """Return how long a run that fails at once each time is retried, at most.

    >>> from mission_control.model.definitions.task_parts import RetryPolicy
    >>> longest_retrying(RetryPolicy(max_retries=4, backoff="exponential", max_delay_seconds=1000))
    datetime.timedelta(seconds=2900)
    """
    growing = min(policy.max_retries, _LARGEST_EXPONENT)
    seconds = sum(_delay_seconds(policy, attempt) for attempt in range(1, growing + 1))
    rest = policy.max_retries - growing
    return timedelta(seconds=seconds + rest * _delay_seconds(policy, policy.max_retries + 1))


def _delay_seconds(policy: RetryPolicy, attempt: int) -> float:
    if policy.backoff == "fixed":
        return policy.retry_delay_seconds
    doublings = min(attempt - 1, _LARGEST_EXPONENT)
    return min(policy.retry_delay_seconds * 2.0**doublings, policy.max_delay_seconds)
