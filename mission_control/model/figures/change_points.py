"""Where the figures of a task changed, and the revision that brought it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Final, Literal

from mission_control.model.figures.rollup import Distribution, RollUp, percentile, value_of
from mission_control.model.runs.run_state import RunState

LEAST_RUNS: Final = 10
"""How many runs there must be on each side of a change."""

_LEAST_SCORE: Final = 5.0
_MOST_CHANGES: Final = 8
_MEDIAN: Final = 0.5

Hours = Sequence[tuple[int, Mapping[int, RollUp]]]
"""Hours since 1970 in their order, each with what a task's revisions counted in it."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """From `hour` (since 1970) on, a figure is another: the success rate, or the median duration in ms.

    `revision` is the one that ran from then on and not before; None if the change came from elsewhere.
    """

    hour: int
    what: Literal["success_rate", "duration_ms"]
    before: float
    after: float
    revision: int | None


def change_points(hours: Hours) -> list[ChangePoint]:
    """Return where a task's success rate or duration changed most clearly, in the order of time.

    Each is the split of its stretch into two with the highest score, found again in both parts: of rates
    that of the test of two proportions, of durations that of Welch's test of their logarithms. A score below
    5 standard errors is no change, so that chance alone brings hardly any.
    """
    found = [*_changes(hours, "success_rate"), *_changes(hours, "duration_ms")]
    return sorted(found, key=lambda one: (one.hour, one.what))


def _changes(
    hours: Hours, what: Literal["success_rate", "duration_ms"], left: int = _MOST_CHANGES
) -> list[ChangePoint]:
    each = [RollUp.together(revisions.values()) for _, revisions in hours]
    score_of = _score_of_rates if what == "success_rate" else _score_of_durations
    splits = [(score_of(before, after), at) for at, before, after in _splits(each)]
    score, at = max(splits, default=(0.0, 0))
    if score < _LEAST_SCORE or left == 0:
        return []
    before, after = RollUp.together(each[:at]), RollUp.together(each[at:])
    values = [
        one.success_rate if what == "success_rate" else percentile(one.durations, _MEDIAN)
        for one in (before, after)
    ]
    change = ChangePoint(
        hours[at][0], what, float(values[0] or 0), float(values[1] or 0), _new_revision(hours, at)
    )
    return [*_changes(hours[:at], what, left - 1), change, *_changes(hours[at:], what, left - 1)]


def _splits(each: Sequence[RollUp]) -> list[tuple[int, RollUp, RollUp]]:
    """Return the sums before and after each place, in one pass from either side."""
    sums = []
    for hours in (each, each[::-1]):
        total, line = RollUp(), [RollUp()]
        for one in hours:
            total = RollUp.together([total, one])
            line.append(total)
        sums.append(line)
    before, after = sums
    return [(at, before[at], after[len(each) - at]) for at in range(1, len(each))]


def _score_of_rates(before: RollUp, after: RollUp) -> float:
    ran = [one.count(RunState.SUCCESS) + one.failures for one in (before, after)]
    if min(ran) < LEAST_RUNS:
        return 0.0
    shares = [one.failures / count for one, count in zip((before, after), ran, strict=True)]
    pooled = (before.failures + after.failures) / sum(ran)
    error = sqrt(pooled * (1 - pooled) * (1 / ran[0] + 1 / ran[1]))
    return abs(shares[0] - shares[1]) / error if error else 0.0


def _score_of_durations(before: RollUp, after: RollUp) -> float:
    if min(before.durations.total(), after.durations.total()) < LEAST_RUNS:
        return 0.0
    (first, first_error), (second, second_error) = _mean(before.durations), _mean(after.durations)
    return abs(first - second) / sqrt(first_error + second_error)


def _mean(values: Distribution) -> tuple[float, float]:
    """Return the mean of the logarithms, and the square of its standard error."""
    count = values.total()
    logs = {bucket: log(max(1, value_of(bucket))) for bucket in values}
    mean = sum(logs[bucket] * many for bucket, many in values.items()) / count
    spread = sum((logs[bucket] - mean) ** 2 * many for bucket, many in values.items()) / (count - 1)
    return mean, max(spread, log(1.1) ** 2) / count  # no bucket tells closer values apart


def _new_revision(hours: Hours, at: int) -> int | None:
    """Return the revision that ran first in the hour of a split, or in the hour before it; None for none."""
    seen = {revision for _, revisions in hours[: max(1, at - 1)] for revision in revisions}
    new = {revision for _, revisions in hours[max(1, at - 1) : at + 1] for revision in revisions} - seen
    return max(new, default=None)
