"""The balance of a span of time: expected = done + explained, and what is unexplained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState
from mission_control.model.values.instants import format_instant

_DONE: Final = frozenset({RunState.SUCCESS, *RAN_AND_FAILED})


@dataclass(frozen=True)
class Balance:
    """What became of the occurrences of some tasks, and occurrences that nothing explains.

    `causes` counts occurrences by the state of their runs, or by why they have none: "skipped (overlap)".
    `unexplained` are ids; `more` of them are not listed.
    """

    since: datetime
    until: datetime
    causes: Mapping[str, int]
    unexplained: Sequence[str]
    more: int = 0

    @property
    def done(self) -> Mapping[str, int]:
        """Those of which a handler ran, by how they ended."""
        return {one: count for one, count in self.causes.items() if one.partition(" ")[0] in _DONE}

    @property
    def explained(self) -> Mapping[str, int]:
        """The others that have a cause."""
        return {one: count for one, count in self.causes.items() if one not in self.done}

    @property
    def expected(self) -> int:
        """How many occurrences there were."""
        return sum(self.causes.values()) + len(self.unexplained) + self.more

    def words(self) -> str:
        """Return it as one line.

        >>> moment = datetime.fromisoformat("2026-03-02T09:00Z")
        >>> Balance(moment, moment, {"success": 2, "skipped": 1}, []).words().partition(": ")[2]
        'expected 3 = done 2 + explained 1 (1 skipped), unexplained 0'
        """
        explained = ", ".join(f"{count:,} {one}" for one, count in sorted(self.explained.items()))
        return (
            f"{format_instant(self.since)} to {format_instant(self.until)}: "
            f"expected {self.expected:,} = done {sum(self.done.values()):,} "
            f"+ explained {sum(self.explained.values()):,}{f' ({explained})' if explained else ''}, "
            f"unexplained {len(self.unexplained) + self.more:,}"
        )
