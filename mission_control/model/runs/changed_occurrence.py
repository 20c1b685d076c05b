"""One occurrence of a task that an operator skips, or moves to another time."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from mission_control.model.definitions.schedules import ScheduleBase
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import format_instant, parse_instant

_KIND: Final = "occurrence"


@dataclass(frozen=True, slots=True)
class ChangedOccurrence:
    """What was decided by hand about the occurrence of a task at `at`, whose id its run keeps.

    It is skipped, or runs at `to` instead; one that was moved, and then skipped, has both. All times are
    nominal, without the spread of the schedule. `is_over`: it ran at `to`, before `at`, not again then.
    """

    task_id: str
    at: datetime
    since: datetime
    who: str
    reason: str | None = None
    to: datetime | None = None
    is_skipped: bool = False
    is_over: bool = False

    @property
    def execution_id(self) -> str:
        """The id of its run."""
        return occurrence_execution_id(self.task_id, self.at)

    @property
    def name(self) -> str:
        """Its name among the pauses."""
        return f"{prefix_of(self.task_id)}{self.execution_id.removeprefix(f'{self.task_id}@')}"

    @property
    def due(self) -> datetime:
        """When it is run or recorded as skipped."""
        return self.at if self.to is None else self.to

    def is_void(self, schedule: ScheduleBase) -> bool:
        """Return whether the schedule no longer has the occurrence; of a fixed delay that is not known."""
        return not schedule.is_fixed_delay and not has_occurrence(schedule, self.at)

    def words(self) -> str:
        """Return who did what, when and why."""
        what = (
            "skipped by hand" if self.to is None or self.is_skipped else f"moved to {format_instant(self.to)}"
        )
        why = "" if self.reason is None else f": {self.reason}"
        return f"{what} by {self.who} at {format_instant(self.since)}{why}"

    def to_json(self) -> str:
        """Return it as Redis keeps it."""
        times = {"at": self.at, "since": self.since, "to": self.to}
        texts = {name: None if time is None else format_instant(time) for name, time in times.items()}
        return json.dumps({"kind": _KIND, **asdict(self), **texts})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` returned.

        Raises:
            ValueError, TypeError, KeyError: it is something else.
        """
        stored = json.loads(text)
        if stored.pop("kind") != _KIND:
            raise ValueError(f"{text} is no changed occurrence")
        times = {
            name: parse_instant(stored[name]) for name in ("at", "since", "to") if stored[name] is not None
        }
        return cls(**{**stored, **times})


def prefix_of(task_id: str) -> str:
    """Return with what the names of a task's changed occurrences begin."""
    return f"{_KIND}:{task_id}@"


def has_occurrence(schedule: ScheduleBase, moment: datetime) -> bool:
    """Return whether a schedule has an occurrence at this very instant."""
    return schedule.next_after(moment - timedelta.resolution) == moment
