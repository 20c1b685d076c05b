"""What is wrong, in one sentence, with the remedy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mission_control.model.values.names import Names

_NAMED: Final = 3


@dataclass(frozen=True)
class Issue:
    """What `status` and `doctor` report; `kind` is a stable name, `evidence` what it is concluded from.

    The remedy has a command in backticks.
    """

    kind: str
    problem: str
    remedy: str
    evidence: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}"

    def to_json(self) -> dict[str, str]:
        """Return it as a JSON object, without the evidence."""
        return {"kind": self.kind, "problem": self.problem, "remedy": self.remedy}


def listed(names: Sequence[str]) -> str:
    """Return the first few of some names, and how many more there are."""
    more = len(names) - _NAMED + (names.more if isinstance(names, Names) else 0)
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def redis_cli(command: str) -> str:
    """Return what to type to have Redis carry out a command."""
    return f'redis-cli -u "$(mission-control url --password)" {command}'
