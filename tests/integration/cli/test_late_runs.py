"""Late runs and overdue occurrences, as the commands show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from beat.follow_up.deadline_watch import DeadlineWatch
from mission_control.dispatch.enqueue import Dispatch
from mission_control.dispatch.run_ending import RunEnding
from mission_control.model.runs.run_state import RunState
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

BY_HAND = {"schedule": None, "handler": "handlers.hello.run"}


def test_late_run_is_marked_in_every_view(installation: Installation) -> None:
    deadline = {"start_within": "5m", "finish_within": "30m"}
    assert installation.registry.register({"id": "tea", **BY_HAND, "deadline": deadline})
    run_id = Dispatch.of(installation).enqueue("tea").execution_id
    assert ", late" not in mc("run", "list").out
    later = datetime.now(UTC) + timedelta(minutes=6)
    assert DeadlineWatch(installation.client, lambda: later).look() == 1
    assert "dispatched, late" in mc("run", "list").out
    assert "it did not start within 5 min" in mc("run", "show", run_id).out
    assert mc("run", "show", run_id, "--json").json["late"] == ["start_within"]
    assert "late: it did not start within 5 min" in mc("status").out
    assert '"start_within": 300' in mc("task", "show", "tea").out
    run = installation.ledger.begin(run_id, 1, worker="w", at=later).run
    assert run is not None
    ending = RunEnding.of(installation)
    ended = ending.end(run, RunState.SUCCESS, at=later + timedelta(hours=1))
    assert ended is not None
    ending.record(ended, at=later)
    assert "success, late" in mc("task", "history", "tea").out
    assert "success, late" in mc("audit", "query", "--task", "tea").out
    (record,) = mc("audit", "query", "--task", "tea", "--json").json
    assert record["late"] == ["start_within", "finish_within"]


def test_status_names_what_should_have_fired(installation: Installation) -> None:
    at = (datetime.now(UTC) - timedelta(minutes=2)).replace(microsecond=0)
    once = {"type": "once", "at": at.isoformat()}
    assert installation.registry.register({"id": "cake", **BY_HAND, "schedule": once}, catch_up=True)
    issues = {one["kind"]: one["problem"] for one in mc("status", "--json").json["issues"]}
    assert issues["overdue"] == f"cake@{at:%Y%m%dT%H%M%SZ} should have fired over a minute ago"
    assert "no_beat" in issues
