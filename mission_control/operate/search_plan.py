"""How the runs that a filter may take are found: by which index, and how many must be looked at."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Final, Literal

from mission_control.errors import WideSearchError
from mission_control.ledger.run_reader import RunReader
from mission_control.model.filters.filter_fields import RUN_STATUSES
from mission_control.model.filters.query import Query
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import ACTIVE_STATES, FINAL_STATES, RunState

MOST_SCANNED: Final = 50_000
"""A search that must look at more says how many, and is done only if it is confirmed."""

_WORDS: Final = {
    "run": "the ids of runs",
    "task": "the runs of a task",
    "state": "the runs that are not over",
    "time": "the time at which runs ended",
    "none": "no index",
}
_SERVED: Final = {
    "run": {"run"},
    "task": {"task"},
    "state": set[str](),
    "time": {"since"},
    "none": set[str](),
}


@dataclass(frozen=True)
class SearchPlan:
    """Which index serves a filter of runs; `ids` are those it names, `to_scan` how many are looked at."""

    index: Literal["run", "task", "state", "time", "none"]
    ids: tuple[str, ...]
    since: datetime | None
    with_active: bool
    with_ended: bool
    to_scan: int

    def __str__(self) -> str:
        return f"{self.to_scan:,} runs to look at, by {_WORDS[self.index]}"

    def runs(self, ledger: RunReader, ended_by: datetime | None = None) -> Iterator[RunRecord]:
        """Yield the runs to look at: active ones, then ended ones, latest first, by then or before."""
        if self.index == "run":
            return iter(ledger.get_all(self.ids))
        if self.index == "task":
            found = chain.from_iterable(map(ledger.each_of, self.ids))
            return (run for run in found if (self.with_ended if run.state.is_final else self.with_active))
        active = ledger.all_active() if self.with_active else ()
        return chain(active, ledger.ended(self.since, ended_by) if self.with_ended else ())


def plan_search(ledger: RunReader, query: Query, *, with_ended: bool, limit: int | None = None) -> SearchPlan:
    """Return how a filter is served; `limit` is how many runs are wanted.

    Ended runs are looked at only `with_ended`, or if the filter asks for when they ended or for their state.
    """
    states = [{one for name in term.names for one in RUN_STATUSES[name]} for term in query.about("state")]
    wanted = frozenset(RunState).intersection(*states)
    times = [one for term in query.about("since") for one in term.values if isinstance(one, datetime)]
    asks_ended = times or query.about("until") or any(not one.isdisjoint(FINAL_STATES) for one in states)
    with_ended = bool(with_ended or asks_ended) and not wanted.isdisjoint(FINAL_STATES)
    with_active = not wanted.isdisjoint(ACTIVE_STATES)
    since = max(times, default=None)
    ids = {name: term.names for name in ("task", "run") for term in query.about(name) if term.is_exact}
    index: Literal["run", "task", "state", "time", "none"]
    if "run" in ids:
        index, scanned = "run", len(ids["run"])
    elif "task" in ids:
        index, scanned = "task", sum(map(ledger.count_of, ids["task"]))
    elif not with_ended:
        index, scanned = "state", ledger.active_count()
    else:
        index = "none" if since is None else "time"
        scanned = ledger.ended_count(since) + (ledger.active_count() if with_active else 0)
    if limit is not None and all(term.field.name in _SERVED[index] for term in query.terms):
        scanned = min(scanned, limit)
    return SearchPlan(
        index, tuple(dict.fromkeys(ids.get(index, ()))), since, with_active, with_ended, scanned
    )


def require_narrow(to_scan: int, how: str) -> None:
    """Refuse a search that has too much to look at; `how` says what, and by which index.

    Raises:
        WideSearchError: says how much, and how to narrow the filter.
    """
    if to_scan > MOST_SCANNED:
        raise WideSearchError(
            f"{how}; more than {MOST_SCANNED:,} need a confirmation. Narrow the filter by since:, or by "
            "whole ids with task: or run:",
            to_scan,
        )
