from __future__ import annotations

import random
from datetime import timedelta

import pytest

from mission_control.model.definitions.task_parts import RetryPolicy
from mission_control.model.policies.retry import GiveUp, RetryIn, decide_retry


def _delays(policy: RetryPolicy, rng: random.Random | None = None) -> list[float]:
    """Return the delays of a run that never succeeds, in seconds."""
    decisions = (decide_retry(policy, attempt=attempt, retryable=True, rng=rng) for attempt in range(1, 100))
    return [decision.delay.total_seconds() for decision in decisions if isinstance(decision, RetryIn)]


def test_default_policy_is_three_retries_five_minutes_apart() -> None:
    assert _delays(RetryPolicy()) == [300, 300, 300]


@pytest.mark.parametrize("retries", [0, 1, 7])
def test_run_is_retried_exactly_max_retries_times(retries: int) -> None:
    assert len(_delays(RetryPolicy(max_retries=retries))) == retries


def test_zero_retries_make_the_first_attempt_the_last() -> None:
    assert decide_retry(RetryPolicy(max_retries=0), attempt=1, retryable=True) == GiveUp()


def test_zero_delay_retries_at_once() -> None:
    policy = RetryPolicy(max_retries=2, retry_delay_seconds=0)
    assert decide_retry(policy, attempt=1, retryable=True) == RetryIn(timedelta(0))


def test_failure_that_is_not_retryable_is_not_retried() -> None:
    assert decide_retry(RetryPolicy(), attempt=1, retryable=False) == GiveUp()


def test_exponential_delay_doubles_up_to_its_cap() -> None:
    policy = RetryPolicy(max_retries=5, retry_delay_seconds=10, backoff="exponential", max_delay_seconds=60)
    assert _delays(policy) == [10, 20, 40, 60, 60]


def test_fixed_delay_is_not_capped() -> None:
    policy = RetryPolicy(max_retries=1, retry_delay_seconds=7200, max_delay_seconds=3600)
    assert _delays(policy) == [7200]


def test_exponential_delay_survives_thousands_of_attempts() -> None:
    policy = RetryPolicy(max_retries=10_000, backoff="exponential")
    assert decide_retry(policy, attempt=9_999, retryable=True) == RetryIn(timedelta(hours=1))


def test_jitter_draws_each_delay_between_zero_and_the_full_delay() -> None:
    policy = RetryPolicy(max_retries=99, retry_delay_seconds=100, jitter=True)
    delays = _delays(policy, random.Random(1))
    assert all(0 <= delay <= 100 for delay in delays)
    assert min(delays) < 10
    assert max(delays) > 90


def test_jitter_of_a_capped_exponential_delay_stays_below_the_cap() -> None:
    policy = RetryPolicy(max_retries=99, backoff="exponential", max_delay_seconds=400, jitter=True)
    assert max(_delays(policy)) <= 400
