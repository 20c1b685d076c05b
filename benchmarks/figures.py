"""Figures of several rounds, and how two contenders compare."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Round = dict[str, float]


def summary(rounds: Sequence[Round]) -> dict[str, Any]:
    """Return median, least, greatest and every value of each figure.

    >>> summary([{"late_ms": 3.0}, {"late_ms": 1.0}])["late_ms"]
    {'median': 2.0, 'min': 1.0, 'max': 3.0, 'rounds': [3.0, 1.0]}
    """
    return {name: _spread([one[name] for one in rounds if name in one]) for name in _names(rounds)}


def ratio(better: Mapping[str, Any], worse: Mapping[str, Any], figure: str) -> float | None:
    """Return how many times greater the median of a figure is in `better`; None if there is no such ratio.

    >>> ratio({"n": {"median": 30.0}}, {"n": {"median": 2.0}}, "n")
    15.0
    """
    if figure not in better or figure not in worse or not worse[figure]["median"]:
        return None
    return rounded(better[figure]["median"] / worse[figure]["median"])


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed (nearest rank).

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5), percentile([1.0, 2.0, 3.0, 4.0], 0.99)
    (2.0, 4.0)
    """
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(rank, 1) - 1]


def rounded(value: float) -> float:
    """Return a figure with four significant digits, which is more than any of them deserves.

    >>> rounded(12345.678), rounded(0.00123456)
    (12350.0, 0.001235)
    """
    return float(f"{value:.4g}")


def _names(rounds: Sequence[Round]) -> list[str]:
    return list(dict.fromkeys(name for one in rounds for name in one))


def _spread(values: list[float]) -> dict[str, Any]:
    return {
        "median": rounded(statistics.median(values)),
        "min": rounded(min(values)),
        "max": rounded(max(values)),
        "rounds": [rounded(value) for value in values],
    }
