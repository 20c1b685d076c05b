"""How the days of a month went: how many runs ended in which state on each."""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from redis import Redis

from mission_control.ledger.run_reader import RunReader
from mission_control.model.figures.rollup import KEPT
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import task_of_run
from mission_control.operate.analytics import HOUR, by_hour

MOST_COUNTED: Final = 10_000
_MOMENT: Final = timedelta(microseconds=1)
_WORST_FIRST: Final = (
    *(RunState.LOST, RunState.FAILURE, RunState.TIMED_OUT, RunState.MISSED, RunState.EXPIRED),
    *(RunState.CANCELLED, RunState.SKIPPED, RunState.SUCCESS),
)


@dataclass
class DayOutcomes:
    """The states in which runs ended, by day; they are complete after `known_from`, or all if None."""

    days: dict[date, Counter[str]]
    known_from: date | None = None

    def worst(self, day: date) -> str | None:
        """Return the worst state of a day; None if no run ended on it."""
        found = self.days.get(day, Counter[str]())
        return next((str(one) for one in _WORST_FIRST if one in found), None)


def day_outcomes(
    client: Redis,
    ledger: RunReader,
    since: datetime,
    until: datetime,
    *,
    now: datetime,
    task_id: str | None = None,
    only: Collection[str] | None = None,
) -> DayOutcomes:
    """Return how runs ended between two moments, by the days of the time zone in which `since` is given.

    The hourly figures know all runs. Of hours that are older than these, and of one that two days share, the
    ledger's runs are counted, of very many the latest; so they are of `only` some tasks.
    """
    found, zone = DayOutcomes(defaultdict(Counter)), since.tzinfo
    oldest = min(until, max(since, now - KEPT))
    uncounted = [(since, oldest if only is None else until)]
    by_hours = by_hour(client, since=oldest, until=until - _MOMENT, task_id=task_id)
    for begin, figures in by_hours if only is None else ():
        day = begin.astimezone(zone).date()
        if (begin + HOUR - _MOMENT).astimezone(zone).date() != day:
            uncounted.append((begin, begin + HOUR))
            continue
        for (state, _), count in figures.outcomes.items():
            found.days[day][state] += count
    for begin, end in uncounted:
        span = max(begin, since).astimezone(zone), min(end, until) - _MOMENT
        _count(found, ledger, *span, task_id, only)
    return found


def _count(
    found: DayOutcomes,
    ledger: RunReader,
    since: datetime,
    until: datetime,
    task_id: str | None,
    only: Collection[str] | None,
) -> None:
    runs = ledger.ended_times(since, until, task_id=task_id, limit=MOST_COUNTED)
    theirs = [one for one in runs if only is None or task_of_run(one[0]) in only]
    for (_, at), state in zip(theirs, ledger.states(one for one, _ in theirs), strict=True):
        if state is not None:
            found.days[at.astimezone(since.tzinfo).date()][state] += 1
    if len(runs) == MOST_COUNTED:
        found.known_from = runs[-1][1].astimezone(since.tzinfo).date()
