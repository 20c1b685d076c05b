"""Whether a budget lets a run start, and what the run reserves of it. `budgets.lua` computes the same.

Amounts are whole numbers, times Unix seconds. What was spent is kept by spans of the window, each with its
end: an amount leaves the window no earlier than it should, and at most a hundredth of the window later.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from mission_control.model.definitions.named_budget import UNKNOWN, Cap

SPANS: Final = 100
MEAN_OF: Final = 10
NEAR: Final = 80
"""At so many percent of a cap there is a first notice, at all of it the second."""


class Verdict(NamedTuple):
    """What a run reserves, None if it is over the budget; then, when it would not be, if that is known.

    A run that `is_lent` has reserved less than it may spend.
    """

    reserves: int | None
    frees_at: int | None = None
    is_lent: bool = False


def decide_budget(cap: Cap, spent: Sequence[tuple[int, int]], reserved: int, expected: int) -> Verdict:
    """Decide about a run that is expected to spend so much, where other runs have reserved so much.

    `spent` are the spans of the window, the earliest first: the end of each, and what was spent in it. What
    `UNKNOWN` stands for could be all that is left, so that is reserved. A run that is expected to
    spend more than the cap has it for itself.

    >>> decide_budget(Cap(100, 3600), [(36, 90)], 0, 20)
    Verdict(reserves=None, frees_at=3636, is_lent=False)
    >>> decide_budget(Cap(100, 3600), [(36, 50)], 20, UNKNOWN)
    Verdict(reserves=30, frees_at=None, is_lent=False)
    """
    total = sum(amount for _, amount in spent)
    left = cap.amount - total - reserved
    needed = max(1, left) if expected == UNKNOWN else min(expected, cap.amount)
    if total < cap.amount and needed <= left:
        return Verdict(needed)
    over = max(needed - left, total - cap.amount + 1)
    for end, amount in spent:
        over -= amount
        if over <= 0:
            return Verdict(None, end + cap.window)
    return Verdict(None)


def decide_again(
    cap: Cap,
    spent: Sequence[tuple[int, int]],
    reserved: int,
    left: int,
    expected: int,
    *,
    is_lent: bool,
) -> Verdict:
    """Decide about another attempt of a run that has so much `left` of what it has reserved.

    It is `expected` to spend what it has spent before in an attempt, or, if it has lost its worker, as much
    as a run does. If that is too much, it may go on with what it has left, unless a budget `is_lent` to
    another run already: so runs that spend twice pass the cap by the spending of one of them at most.

    >>> decide_again(Cap(100, 3600), [(36, 60)], 30, 10, 20, is_lent=False)
    Verdict(reserves=10, frees_at=None, is_lent=True)
    >>> decide_again(Cap(100, 3600), [(36, 60)], 30, 10, 20, is_lent=True)
    Verdict(reserves=None, frees_at=3636, is_lent=False)
    """
    if expected != UNKNOWN and expected <= left:
        return Verdict(left)
    verdict = decide_budget(cap, spent, reserved, expected)
    if verdict.reserves is not None:
        return Verdict(max(verdict.reserves, left))
    if not is_lent and sum(amount for _, amount in spent) + reserved + left <= cap.amount:
        return Verdict(left, is_lent=True)
    return verdict


def span_end(now: float, window: int) -> int:
    """Return the end of the span in which an amount is counted that is spent now.

    >>> span_end(100.5, 3_600), span_end(100.5, 60)
    (108, 101)
    """
    span = max(1, math.ceil(window / SPANS))
    return (math.floor(now / span) + 1) * span


def mean_after(mean: float, runs: int, spent: float) -> float:
    """Return the mean of what runs of a task spend, once another has spent so much; the last ten count most.

    >>> mean_after(0.0, 0, 6.0), mean_after(6.0, 1, 4.0)
    (6.0, 5.0)
    """
    return mean + (spent - mean) / min(runs + 1, MEAN_OF)
