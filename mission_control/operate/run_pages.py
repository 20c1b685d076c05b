"""Runs a page at a time, however many there are: by index, with a bound on how many are looked at."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from mission_control.ledger.run_reader import RunReader
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import FINAL_STATES
from mission_control.model.values.identifiers import task_of_run

MOST_LOOKED_AT: Final = 10_000
_AT_ONCE: Final = 1_000


@dataclass(frozen=True)
class RunPage:
    """Runs, the latest first; `after` is where the next page begins, None if there is none.

    `looked_at` is how many were looked at for those that were wanted.
    """

    runs: list[RunRecord]
    after: str | None
    looked_at: int


def run_page(
    ledger: RunReader,
    *,
    states: Collection[str] = (),
    task_id: str | None = None,
    after: str = "",
    most: int = 50,
    only: Collection[str] | None = None,
) -> RunPage:
    """Return the runs in some states, or in any, of one task or of all, or of those tasks `only`.

    Runs of all tasks that are not over come first, on the first page. It ends early, with a way on, where
    `MOST_LOOKED_AT` runs did not hold enough of the wanted ones.
    """
    is_any = not states
    active = ledger.active(limit=most) if task_id is None and not after else []
    first = [
        run for run in active if (is_any or run.state in states) and (only is None or run.task_id in only)
    ]
    wanted, looked_at, last = list[str](), len(active), after
    only_active = bool(states) and FINAL_STATES.isdisjoint(states)
    while len(wanted) < most and looked_at < MOST_LOOKED_AT and not (only_active and task_id is None):
        size = min(most, _AT_ONCE) if is_any and only is None else _AT_ONCE
        ids = ledger.ended_ids(task_id=task_id, after=last, limit=size)
        found = list(zip(ids, ledger.states(ids), strict=True))
        for name, state in found:
            looked_at, last = looked_at + 1, name
            is_shown = only is None or task_of_run(name) in only
            if is_shown and state is not None and (is_any or state in states):
                wanted.append(name)
                if len(wanted) == most:
                    break
        if len(ids) < size:
            return RunPage(
                [*first, *_runs(ledger, wanted, only)], None if len(wanted) < most else last, looked_at
            )
    return RunPage([*first, *_runs(ledger, wanted, only)], last or None, looked_at)


def _runs(ledger: RunReader, ids: Collection[str], only: Collection[str] | None) -> list[RunRecord]:
    return [run for run in ledger.get_all(ids) if only is None or run.task_id in only]
