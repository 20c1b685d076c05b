"""Pages of runs, from a ledger in which runs come to an end of their retention meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from mission_control.model.runs.run_state import RunState
from mission_control.operate.run_pages import run_page
from tests.samples.ledger_runs import a_run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mission_control.ledger.run_reader import RunReader
    from mission_control.model.runs.run_record import RunRecord

IDS = [f"a@{at:02}" for at in range(40)]


class Ledger:
    """Ended runs, the latest first, of which some are gone when they are read, after their states were."""

    def __init__(self, gone: set[str]) -> None:
        self.gone = gone

    def active(self, *, limit: int) -> list[RunRecord]:
        return [][:limit]

    def ended_ids(self, *, task_id: str | None, after: str, limit: int) -> list[str]:
        assert task_id is None
        first = IDS.index(after) + 1 if after else 0
        return IDS[first : first + limit]

    def states(self, ids: list[str]) -> list[str]:
        return [RunState.SUCCESS for _ in ids]

    def get_all(self, ids: Iterable[str]) -> list[RunRecord]:
        return [a_run(one, state=RunState.SUCCESS) for one in ids if one not in self.gone]


@pytest.mark.parametrize("states", [(), (RunState.SUCCESS,)])
def test_no_run_is_left_out_between_pages_where_others_go_meanwhile(states: tuple[RunState, ...]) -> None:
    gone = {"a@03", "a@11", "a@12"}
    ledger, seen, after = cast("RunReader", Ledger(gone)), list[str](), ""
    while True:
        page = run_page(ledger, states=states, after=after, most=5)
        seen += [run.execution_id for run in page.runs]
        if page.after is None:
            break
        after = page.after
    assert seen == [one for one in IDS if one not in gone]
