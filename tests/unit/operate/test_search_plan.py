"""Which index serves a filter of runs, and how many runs are looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from mission_control.errors import WideSearchError
from mission_control.ledger.run_reader import RunReader
from mission_control.model.filters.grammar import parse_filter
from mission_control.operate.search_plan import MOST_SCANNED, SearchPlan, plan_search, require_narrow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Counts:
    """A ledger of a million ended runs, 10 active ones, and 300 runs of each task; 40 ended a day."""

    def count_of(self, _task_id: str) -> int:
        return 300

    def active_count(self) -> int:
        return 10

    def ended_count(self, since: datetime | None) -> int:
        return 1_000_000 if since is None else 40 * (NOW - since) // timedelta(days=1)


def plan(text: str, *, with_ended: bool = True, limit: int | None = None) -> SearchPlan:
    query = parse_filter(text, "run", now=NOW, zone=ZoneInfo("UTC"))
    return plan_search(cast("RunReader", Counts()), query, with_ended=with_ended, limit=limit)


@pytest.mark.parametrize(
    ("text", "index", "to_scan"),
    [
        ("run:tea@1,tea@2 state:failed", "run", 2),
        ("task:tea state:failed", "task", 300),
        ("task:tea,milk", "task", 600),
        ("task:te*", "none", 1_000_010),
        ("-task:tea", "none", 1_000_010),
        ("state:active", "state", 10),
        ("state:waiting,running late>5m", "state", 10),
        ("state:failed since:7d", "time", 280),
        ("since:7d", "time", 290),
        ("since:7d since:1d until:1h", "time", 50),
        ("state:failed", "none", 1_000_000),
        ("error:timeout", "none", 1_000_010),
    ],
)
def test_filter_is_served_by_the_narrowest_index(text: str, index: str, to_scan: int) -> None:
    found = plan(text)
    assert (found.index, found.to_scan) == (index, to_scan)


def test_ended_runs_are_looked_at_only_if_they_are_asked_for() -> None:
    assert plan("queue:slow", with_ended=False).to_scan == 10
    assert plan("state:failed", with_ended=False).to_scan == 1_000_000


def test_filter_that_its_index_answers_looks_at_no_more_than_are_wanted() -> None:
    assert plan("", limit=50).to_scan == 50
    assert plan("since:7d", limit=50).to_scan == 50
    assert plan("task:tea", limit=50).to_scan == 50
    assert plan("state:failed since:7d", limit=50).to_scan == 280


def test_wide_search_says_how_much_it_would_look_at() -> None:
    wide = plan("error:timeout")
    with pytest.raises(
        WideSearchError, match="1,000,010 runs to look at, by no index; more than 50,000"
    ) as error:
        require_narrow(wide.to_scan, str(wide))
    assert error.value.to_scan == 1_000_010
    require_narrow(MOST_SCANNED, "enough")
