"""Runs a page at a time, however many there are: by index, with a bound on how many are looked at."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from mission_control.ledger.run_reader import RunReader
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import FINAL_STATES
from mission_control.model.values.identifiers import task_of_run

_MOST_LOOKED_AT: Final = 10_000
_MOST_READ: Final = 4_000
_AT_ONCE: Final = 1_000


@dataclass(frozen=True)
class RunPage:
    """Runs, the latest first; `after` is where the next page begins, None if there is none.

    `looked_at` is how many were looked at for those that were wanted; `is_cut`: no more were.
    """

    runs: list[RunRecord]
    after: str | None
    looked_at: int
    is_cut: bool = False


def run_page(
    ledger: RunReader,
    *,
    states: Collection[str] = (),
    task_id: str | None = None,
    after: str = "",
    most: int = 50,
    only: Collection[str] | None = None,
    takes: Callable[[RunRecord], bool] | None = None,
) -> RunPage:
    """Return the runs in some states, or in any, of one task or of all, or of those tasks `only`.

    Runs of all tasks that are not over come first, on the first page. With `takes` they are only those of
    which it holds. It ends early, with a way on, where thousands of runs did not hold enough of the wanted
    ones.
    """
    is_any = not states

    def is_wanted(run: RunRecord) -> bool:
        is_shown = (is_any or run.state in states) and (only is None or run.task_id in only)
        return is_shown and (takes is None or takes(run))

    most_active = most if takes is None else _AT_ONCE
    active = ledger.active(limit=most_active) if task_id is None and not after else []
    first = [run for run in active if is_wanted(run)][:most]
    wanted, looked_at, last = list[RunRecord](), len(active), after
    only_active = bool(states) and FINAL_STATES.isdisjoint(states)
    most_looked_at = _MOST_LOOKED_AT if takes is None else _MOST_READ
    while len(wanted) < most and looked_at < most_looked_at and not (only_active and task_id is None):
        size = min(most, _AT_ONCE) if is_any and only is None and takes is None else _AT_ONCE
        ids = ledger.ended_ids(task_id=task_id, after=last, limit=size)
        possible = [
            name
            for name, state in zip(ids, ledger.states(ids), strict=True)
            if state is not None and (is_any or state in states)
            if only is None or task_of_run(name) in only
        ]
        found = [run for run in ledger.get_all(possible) if is_wanted(run)][: most - len(wanted)]
        wanted += found
        if len(wanted) == most:
            last = found[-1].execution_id
            looked_at += ids.index(last) + 1
        elif ids:
            last, looked_at = ids[-1], looked_at + len(ids)
        if len(ids) < size:
            return RunPage([*first, *wanted], None if len(wanted) < most else last, looked_at)
    return RunPage([*first, *wanted], last or None, looked_at, is_cut=looked_at >= most_looked_at)
