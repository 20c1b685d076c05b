"""How the days of a month went: how many runs ended in which state on each."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Final

from mission_control.ledger.run_reader import RunReader
from mission_control.model.runs.run_state import RunState

MOST_COUNTED: Final = 10_000
_WORST_FIRST: Final = (
    *(RunState.LOST, RunState.FAILURE, RunState.TIMED_OUT, RunState.MISSED, RunState.EXPIRED),
    *(RunState.CANCELLED, RunState.SKIPPED, RunState.SUCCESS),
)


@dataclass(frozen=True)
class DayOutcomes:
    """The states in which runs ended, by day; they are complete after `known_from`, or all if None."""

    days: dict[date, Counter[str]]
    known_from: date | None

    def worst(self, day: date) -> str | None:
        """Return the worst state of a day; None if no run ended on it."""
        found = self.days.get(day, Counter[str]())
        return next((str(one) for one in _WORST_FIRST if one in found), None)


def day_outcomes(
    ledger: RunReader, since: datetime, until: datetime, zone: tzinfo, *, task_id: str | None = None
) -> DayOutcomes:
    """Return how runs ended between two moments, by the days of a time zone; of very many the latest."""
    found = ledger.ended_times(since, until, task_id=task_id, limit=MOST_COUNTED)
    days = defaultdict[date, Counter[str]](Counter)
    for (_, at), state in zip(found, ledger.states(one for one, _ in found), strict=True):
        if state is not None:
            days[at.astimezone(zone).date()][state] += 1
    cut = found[-1][1].astimezone(zone).date() if len(found) == MOST_COUNTED else None
    return DayOutcomes(dict(days), cut)
