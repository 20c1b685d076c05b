"""The weekly review of a real ledger and registry, on a throw-away server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from mission_control.installation.installation import current_installation
from mission_control.model.runs.run_state import RunState
from tests.samples.lived_runs import NOW, context, ran, register, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mission_control.installation.installation import Installation

LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def review(handler: Callable[[str], Any]) -> Any:
    return handler("handlers.weekly_review.run")


def two_weeks(installation: Installation) -> None:
    """Fill ledger and registry with two weeks' life; backup failed more often in the first one."""
    register(installation, "backup", {"type": "daily", "time": "02:00"}, name="Backup")
    register(installation, "ping", {"type": "interval", "minutes": 15})
    with time_machine.travel(LONG_AGO):
        register(installation, "idle", {"type": "weekly", "days": ["mon"], "time": "08:00"})
        register(installation, "party", {"type": "once", "at": "2027-01-01T00:00:00Z"})
    for day in range(14):
        fails = day in {2, 8, 9}
        state = RunState.FAILURE if fails else RunState.SUCCESS
        error: dict[str, Any] = {"error": "OSError: no space left"} if fails else {}
        ran(
            installation,
            "backup",
            NOW - timedelta(days=day, hours=7),
            state,
            seconds=60 + day,
            late=day,
            **error,
        )
    for hours, attempts in ((1, 1), (2, 3), (3, 1)):
        ran(installation, "ping", NOW - timedelta(hours=hours), seconds=0.25, late=0.1, attempts=attempts)
    ran(installation, "report", NOW - timedelta(days=3), RunState.MISSED, reason="no beat was running")
    ran(installation, "ping", NOW + timedelta(hours=1))


def test_review_compares_the_week_with_the_one_before(installation: Installation, review: Any) -> None:
    two_weeks(installation)
    result = review(context())
    assert result["output"]["summary"] == "10 runs, 90% succeeded (71% the week before); 1 failed, 1 missed"
    assert Path(result["output"]["path"]).name == "2025-W42-brief.md"
    assert text_of(result) == EXPECTED_REVIEW


EXPECTED_REVIEW = """\
# Weekly review: 2025-W42

**10 runs, 90% succeeded (71% the week before); 1 failed, 1 missed**

From Thu 9 Oct 09:00 to Thu 16 Oct 09:00; all times are Europe/Berlin.

## Failed

- **Backup** (`backup`): 1 of 7 runs failed, 2 the week before
  - 1 time: `OSError: no space left`

## Missed

- `report`: 1 missed: `no beat was running`

## Tasks

| Task | Runs | Before | Succeeded | Before | Retries | Median | Longest | Late, median | Late, most |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| **Backup** (`backup`) | 7 | 7 | 86% | 71% | 0 | 1 min 3 s | 1 min 6 s | 3 s | 6 s |
| `ping` | 3 | 0 | 100% | - | 2 | 250 ms | 250 ms | 100 ms | 100 ms |

## Busiest

- **Backup** (`backup`): 7 min 21 s of work in 7 runs
- `ping`: 750 ms of work in 3 runs
- The busiest day was Thu 16 Oct, with 4 runs

## Never ran

- `idle`: was due 1 time
- `party`: was not due

## Coming week

- `idle`: Mon 20 Oct 08:00
- `ping`: every 15 minutes (672 times), first Thu 16 Oct 09:15
- **Backup** (`backup`): every day at 02:00 (Europe/Berlin) (7 times), first Fri 17 Oct 02:00

---

Written by the run `brief@1`.
"""


def test_review_on_monday_covers_the_week_that_has_ended(review: Any) -> None:
    monday = datetime(2025, 12, 29, 8, tzinfo=UTC)
    sunday = datetime(2026, 1, 4, 20, tzinfo=UTC)
    paths = [Path(review(context(now=now))["output"]["path"]).name for now in (monday, sunday)]
    assert paths == ["2025-W52-brief.md", "2026-W01-brief.md"]


def test_empty_week_says_that_nothing_ran(review: Any) -> None:
    assert review(context())["output"]["summary"] == "Nothing ran this week"


def test_week_with_a_clock_change_is_counted_once_and_whole(installation: Installation, review: Any) -> None:
    end = datetime(2025, 10, 27, 8, tzinfo=UTC)
    for hours in (1, 167, 169, 335):
        ran(installation, "ping", end - timedelta(hours=hours))
    text = text_of(review(context(now=end)))
    assert "| `ping` | 2 | 2 |" in text
    assert "From Mon 20 Oct 10:00 to Mon 27 Oct 09:00" in text


def test_review_of_dropped_runs_says_that_figures_are_incomplete(
    bare_environment: pytest.MonkeyPatch, installation: Installation, review: Any
) -> None:
    bare_environment.setenv("MISSION_CONTROL_RETENTION_DAYS", "7")
    bare_environment.setenv("MISSION_CONTROL_RETENTION_RUNS", "2")
    for hours in (1, 2, 3):
        ran(installation, "ping", NOW - timedelta(hours=hours))
        ran(installation, "pong", NOW - timedelta(hours=hours))
    text = text_of(review(context()))
    assert "Runs are kept for 7 days only; figures before that are missing." in text
    assert "Only the last 2 runs of a task are kept, so these figures are too low: `ping`, `pong`." in text
    current_installation().client.close()


def test_invalid_params_fail_with_the_problem(review: Any) -> None:
    result = review(context(params={"timezone": "Mars/Olympus", "weeks": 2}))
    assert result["status"] == "failure"
    assert "params.timezone: " in result["error"]
    assert "params.weeks: unknown key" in result["error"]
