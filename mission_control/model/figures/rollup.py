"""What the runs of one task and revision that ended in one hour have in common: counts and distributions."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil, log
from typing import Any, Final, Self

from mission_control.model.policies.notices import failure_cause
from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState

_GROWTH: Final = 1.1
_LONGEST_CAUSE: Final = 80
_MOST_CAUSES: Final = 20
OTHER: Final = "other"
"""The cause of failures beyond the causes that are kept."""

KEPT: Final = timedelta(days=35)
"""How long hourly figures are kept."""

WHOLE: Final = ""
"""The field of an hour that has the figures of all its tasks together."""

Distribution = Counter[int]
"""How many values fell into each bucket; a bucket's values differ by 10 % at most."""


@dataclass(slots=True)
class RollUp:
    """Counts by outcome and cause, distributions of duration and lateness in ms, and retries.

    A key of `outcomes` is a status and a cause: the class of what kept it from running, or what the error
    of a failure has in common with others.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    durations: Distribution = field(default_factory=Counter)
    lateness: Distribution = field(default_factory=Counter)
    retries: int = 0

    @property
    def runs(self) -> int:
        """How many runs ended."""
        return self.outcomes.total()

    def count(self, *statuses: str) -> int:
        """Return how many ended with one of these statuses."""
        return sum(count for (status, _), count in self.outcomes.items() if status in statuses)

    @property
    def failures(self) -> int:
        """How many ran and failed."""
        return self.count(*RAN_AND_FAILED)

    @property
    def success_rate(self) -> float | None:
        """The share of successes among those that ran to an end; None if none did."""
        successes = self.count(RunState.SUCCESS)
        ran = successes + self.failures
        return successes / ran if ran else None

    def add_record(self, record: Mapping[str, Any]) -> None:
        """Count an audit record: one that ends a run, or a retry; any other is none of both."""
        if not record.get("final"):
            self.retries += record.get("status") == "retry"
            return
        key = str(record.get("status")), _cause(record)
        is_known = key in self.outcomes or len(self.outcomes) < _MOST_CAUSES
        self.outcomes[key if is_known else (key[0], OTHER)] += 1
        for name, into in (("duration_ms", self.durations), ("lateness_ms", self.lateness)):
            if isinstance(value := record.get(name), int | float):
                into[bucket_of(value)] += 1

    def add(self, other: Self) -> None:
        """Add what another one has counted."""
        self.durations.update(other.durations)
        self.lateness.update(other.lateness)
        self.retries += other.retries
        for key, count in other.outcomes.items():
            is_known = key in self.outcomes or len(self.outcomes) < _MOST_CAUSES
            self.outcomes[key if is_known else (key[0], OTHER)] += count

    def to_json(self) -> dict[str, Any]:
        """Return it as a compact JSON object, as Redis keeps it."""
        outcomes = {"\t".join(key): count for key, count in self.outcomes.items()}
        found = {"o": outcomes, "d": _texts(self.durations), "l": _texts(self.lateness), "r": self.retries}
        return {name: one for name, one in found.items() if one}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned."""
        outcomes = Counter({_pair(key): int(count) for key, count in stored.get("o", {}).items()})
        durations, lateness = (
            Counter({int(key): int(count) for key, count in stored.get(name, {}).items()}) for name in "dl"
        )
        return cls(outcomes, durations, lateness, int(stored.get("r", 0)))

    @classmethod
    def together(cls, several: Iterable[Self]) -> Self:
        """Return what several have counted."""
        found = cls()
        for one in several:
            found.add(one)
        return found


def bucket_of(value: float) -> int:
    """Return the bucket of a value in ms; all below 1 share the first.

    >>> bucket_of(0.5), bucket_of(1_000), value_of(bucket_of(1_000))
    (0, 73, 1001)
    """
    return ceil(log(value, _GROWTH)) if value > 1 else 0


def value_of(bucket: int) -> int:
    """Return the value in the middle of a bucket, within 5 % of each in it (Masson et al., DDSketch)."""
    return round(2 * _GROWTH**bucket / (1 + _GROWTH))


def percentile(values: Distribution, share: float) -> int | None:
    """Return the value below which a share of the values lie, within 5 %; None if there are none.

    >>> percentile(Counter({bucket_of(100): 98, bucket_of(9_000): 2}), 0.5)
    102
    """
    rank = ceil(values.total() * share)
    for bucket in sorted(values):
        rank -= values[bucket]
        if rank <= 0:
            return value_of(bucket)
    return None


def _cause(record: Mapping[str, Any]) -> str:
    cause, error = record.get("cause"), record.get("error")
    if isinstance(cause, Mapping):
        return str(cause.get("class", ""))[:_LONGEST_CAUSE]
    if record.get("status") in RAN_AND_FAILED and isinstance(error, str):
        return failure_cause(error, str(record.get("task_id")))[:_LONGEST_CAUSE]
    return ""


def _pair(key: str) -> tuple[str, str]:
    status, _, cause = key.partition("\t")
    return status, cause


def _texts(values: Distribution) -> dict[str, int]:
    return {str(key): count for key, count in values.items()}
