"""How long attempts take, how often they fail and what they spend: drawn from how earlier ones went."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import stdev
from typing import Final

ASSUMED_SECONDS: Final = 1.0
"""How long an attempt takes if none of any task is known."""

_FEW: Final = 5
_SPREAD_OF_FEW: Final = 0.5
"""The standard deviation of the logarithm of durations, if too few are known to show theirs."""

_SHORTEST: Final = 0.001
_LARGEST_SAMPLE: Final = 100


@dataclass(frozen=True)
class Experience:
    """How attempts of a task went: their seconds, the share of them that failed, and what runs spent.

    Amounts are as budgets count them, by unit. `unmet` is the share of occurrences that the task's condition
    has skipped.
    """

    seconds: Sequence[float] = ()
    failed: float = 0.0
    unmet: float = 0.0
    spent: Mapping[str, Sequence[int]] | None = None

    @cached_property
    def smoothing(self) -> float:
        """The standard deviation of what blurs the logarithm of durations.

        Two thirds of Silverman's rule of thumb, for courses differ by their samples as well.
        """
        if len(self.seconds) < _FEW:
            return _SPREAD_OF_FEW if self.seconds else 0.0
        deviation = stdev(math.log(max(one, _SHORTEST)) for one in self.seconds)
        return 0.6 * deviation / math.pow(len(self.seconds), 0.2)


class Draws:
    """Draws durations, outcomes and spending for one possible course of events.

    What is known of a task is itself a draw of few: so each course has a sample of it (the bootstrap, Efron
    1979), and courses differ by as much as is not known. Samples are smoothed (Silverman and Young 1987), for
    what comes next may well be longer or shorter than all that is known.
    """

    def __init__(self, known: Mapping[str, Experience], default: Experience, rng: random.Random) -> None:
        self._known = known
        self._default = default
        self._rng = rng
        self._samples: dict[str, list[float]] = {}

    def seconds(self, task_id: str, longer_than: float = 0.0) -> float:
        """Return how long an attempt takes that has taken `longer_than` so far."""
        sample = self._samples.get(task_id)
        if sample is None:
            known = self.of(task_id)
            sample = self._samples[task_id] = self._sample(known.seconds, known.smoothing)
        if longer_than:
            longer = [one for one in sample if one > longer_than]
            # Longer than any that is known: then by as much again as it is old, or less.
            return self._one_of(longer) if longer else longer_than * (1 + self._rng.random())
        return self._one_of(sample)

    def fails(self, task_id: str) -> bool:
        """Return whether an attempt fails."""
        failed = self.of(task_id).failed
        return failed > 0 and self._rng.random() < failed

    def is_met(self, task_id: str) -> bool:
        """Return whether the condition of a task holds, where its function, a file or outputs tell."""
        unmet = self.of(task_id).unmet
        return unmet == 0 or self._rng.random() >= unmet

    def spends(self, task_id: str, unit: str) -> int:
        """Return what an attempt spends of a unit."""
        spent = (self.of(task_id).spent or {}).get(unit)
        return self._rng.choice(spent) if spent else 0

    def of(self, task_id: str) -> Experience:
        """Return how attempts of a task went, or else those of all tasks."""
        return self._known.get(task_id, self._default)

    def _sample(self, seconds: Sequence[float], spread: float) -> list[float]:
        known = seconds or [ASSUMED_SECONDS]
        sample = self._rng.choices(known, k=min(len(known), _LARGEST_SAMPLE))
        return [one * self._rng.lognormvariate(0, spread) for one in sample] if spread else sample

    def _one_of(self, sample: Sequence[float]) -> float:
        return sample[int(self._rng.random() * len(sample))]
