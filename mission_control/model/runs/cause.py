"""Why an occurrence does not run: the class of the cause, and the run or layer at its root."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from mission_control.model.values.instants import parse_instant

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
_BEFORE: Final = "this and all before "


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


def together_reason(until: datetime) -> str:
    """Return why an occurrence, and all up to `until`, were missed."""
    return f"{_BEFORE}{until.isoformat()}: no beat fired them"


def stands_until(reason: object) -> datetime | None:
    """Return up to when a missed occurrence with this reason stands for all others; None if it does not.

    >>> stands_until(together_reason(parse_instant("2026-03-01T09:00Z"))).isoformat()
    '2026-03-01T09:00:00+00:00'
    """
    if not isinstance(reason, str) or not reason.startswith(_BEFORE):
        return None
    try:
        return parse_instant(reason.removeprefix(_BEFORE).partition(": ")[0])
    except ValueError:
        return None
