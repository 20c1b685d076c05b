"""Why an occurrence does not run: the class of the cause, and the run or layer at its root."""

from dataclasses import dataclass
from typing import Literal

CauseClass = Literal[
    "overlap",
    "upstream",
    "condition",
    "paused",
    "breaker",
    "budget",
    "skipped_by_hand",
    "misfire",
    "quarantined",
]


@dataclass(frozen=True, slots=True)
class Cause:
    """The root of what kept an occurrence from running, passed on unchanged to its dependents.

    `run` is the run in the way, `layer` what else is at the root: the pause, the budget. Of class `upstream`,
    `run` is the first run that did not end as it should have, and `outcome` its state, or the class of what
    kept it from running.
    """

    kind: CauseClass
    run: str | None = None
    layer: str | None = None
    outcome: str | None = None

    @property
    def is_edge_not_taken(self) -> bool:
        """Whether all is well: the run that it would have come after, such as on failure, was a success."""
        return self.outcome == "success"

    def to_dict(self) -> dict[str, str]:
        """Return the cause as ledger, audit and JSON have it.

        >>> Cause("overlap", run="tea@20260301T090000Z").to_dict()
        {'class': 'overlap', 'run': 'tea@20260301T090000Z'}
        """
        found = {"class": self.kind, "run": self.run, "layer": self.layer, "outcome": self.outcome}
        return {name: value for name, value in found.items() if value is not None}
