"""A backfill: past occurrences of a task that are run after all, a few at a time."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

import orjson

from mission_control.model.values.instants import format_instant, parse_instant

ENDED: Final = "ended:"
"""What the counters of a plan's runs begin with, before the state in which they ended."""


class Rerun(StrEnum):
    """Which occurrences that have a run already are run again."""

    NONE = "none"
    FAILED = "failed"
    ALL = "all"


class BackfillState(StrEnum):
    """Where a backfill stands."""

    OPEN = "open"
    CANCELLED = "cancelled"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class BackfillPlan:
    """The occurrences of a task from `start` up to and without `end`, and how they are run.

    At most `share` of the worker slots, and of the runs at most `per_second` a second (None for any), are the
    backfill's. `count` is how many occurrences it has, `released` how many of them were sent, `existing` how
    many had a run when their turn came, `ended` how many runs ended in which state. The last was sent at
    `released_at`, and the rate allows the next at `not_before` (Unix seconds).
    """

    backfill_id: str
    task_id: str
    start: datetime
    end: datetime
    rerun: Rerun
    newest_first: bool
    share: float
    per_second: float | None
    count: int
    who: str
    created_at: datetime
    of_enabled_task: bool = True
    state: BackfillState = BackfillState.OPEN
    released: int = 0
    existing: int = 0
    not_before: float = 0.0
    released_at: float = 0.0
    finished_at: datetime | None = None
    reason: str | None = None
    ended: Mapping[str, int] = field(default_factory=dict)

    @property
    def finished(self) -> int:
        """How many of its occurrences are over."""
        return self.existing + sum(self.ended.values())

    @property
    def why_cancelled(self) -> str:
        """Why its unfinished runs are cancelled."""
        return f"backfill {self.backfill_id} was cancelled: {self.reason}"

    def to_spec(self) -> str:
        """Return what never changes, as JSON."""
        values = {name: getattr(self, name) for name in _FIXED}
        return orjson.dumps({name: _plain(one) for name, one in values.items()}).decode()

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        values = {name: one for name, one in asdict(self).items() if name not in _INTERNAL}
        return {name: _plain(one) for name, one in values.items()} | {"finished": self.finished}

    @classmethod
    def from_hash(cls, stored: Mapping[str, str]) -> Self:
        """Read it back from its Redis hash."""
        spec: dict[str, Any] = orjson.loads(stored["spec"])
        texts = {name: stored[name] for name in _CHANGING if name in stored}
        found = {**spec, **texts}
        values = {name: _READERS.get(name, lambda one: one)(one) for name, one in found.items()}
        ended = {
            name.removeprefix(ENDED): int(text) for name, text in stored.items() if name.startswith(ENDED)
        }
        return cls(**values, ended=ended)


_INTERNAL: Final = frozenset({"not_before", "released_at"})
_CHANGING: Final = frozenset(
    {"state", "released", "existing", "not_before", "released_at", "finished_at", "reason"}
)
_FIXED: Final = tuple(one.name for one in fields(BackfillPlan) if one.name not in {*_CHANGING, "ended"})
_READERS: Final[dict[str, Any]] = {
    **dict.fromkeys(("start", "end", "created_at", "finished_at"), parse_instant),
    **dict.fromkeys(("released", "existing"), int),
    "rerun": Rerun,
    "state": BackfillState,
    **dict.fromkeys(("not_before", "released_at"), float),
}


def _plain(value: object) -> object:
    return format_instant(value) if isinstance(value, datetime) else value
