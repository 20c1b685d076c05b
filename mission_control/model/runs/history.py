"""A task's history: counters of its runs and last times."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from mission_control.model.values.instants import parse_instant

_HISTORY_TIMES: Final = frozenset({"last_run", "last_success"})
_TEXTS: Final = frozenset({"condition_seen"})


@dataclass(frozen=True)
class History:
    """Counters of a task's runs since it was registered.

    Counts runs that ended `success`, `failure`, `timed_out` or `lost`; a run counts once, however many
    attempts it took. Occurrences that were not fired are counted apart; `consecutive_skips` are those since a
    run ended. `last_run` is when the last counted run's last attempt started. `condition_seen` is what the
    condition of the last successful run saw.
    """

    last_run: datetime | None = None
    last_success: datetime | None = None
    total_runs: int = 0
    success_count: int = 0
    failure_count: int = 0
    consecutive_failures: int = 0
    missed_count: int = 0
    skipped_count: int = 0
    consecutive_skips: int = 0
    condition_seen: str | None = None

    @classmethod
    def from_hash(cls, stored: Mapping[str, str]) -> Self:
        """Read the history back from its Redis hash."""
        values: dict[str, Any] = {
            name: parse_instant(text) if name in _HISTORY_TIMES else text if name in _TEXTS else int(text)
            for name, text in stored.items()
        }
        return cls(**values)
