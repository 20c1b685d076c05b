"""`task backfill` and `backfill`, typed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.configuration.clock import utc_now
from mission_control.model.values.instants import format_instant
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

RANGE = ("--from", "2026-03-01T00:00:00Z", "--to", "2026-03-02T00:00:00Z")


@pytest.fixture(autouse=True)
def _tasks(installation: Installation) -> None:
    schedules = {
        "tea": {"type": "interval", "hours": 1},
        "ticks": {"type": "interval", "seconds": 1},
        "after_end": {"type": "interval", "hours": 1, "measure_from": "finish"},
    }
    for name, schedule in schedules.items():
        assert installation.registry.register(
            {"id": name, "schedule": schedule, "handler": "handlers.hello.run"}
        )


def test_backfill_is_shown_started_listed_and_cancelled(installation: Installation) -> None:
    shown = mc("task", "backfill", "tea", *RANGE)
    assert shown.code == 0, shown.err
    for part in ("24 not run", "24 occurrences", "2026-03-01 00:00:00", "2026-03-01 23:00:00", "not known"):
        assert part in shown.out
    assert "nothing was started; add --start" in shown.err
    assert mc("task", "backfill", "tea", *RANGE, "--start", "--dry-run", "--json").json["started"] is False
    assert mc("backfill", "list").err == "no backfill is open; --all shows those that are over\n"

    started = mc("task", "backfill", "tea", *RANGE, "--start", "--rate", "30/m", "--reason", "new", "--json")
    assert started.code == 0, started.err
    facts = started.json
    backfill_id = facts["backfill_id"]
    assert (facts["count"], facts["forecast_seconds"], facts["started"]) == (24, 48.0, True)
    assert "no beat runs" in started.err
    assert backfill_id in mc("backfill", "list").out
    assert "tea, open: 0 of 24 over" in mc("status").out
    assert [one["backfill_id"] for one in mc("status", "--json").json["backfills"]] == [backfill_id]
    assert mc("backfill", "show", backfill_id[:10], "--json").json["state"] == "open"
    assert mc("backfill", "cancel", backfill_id[:10]).code == 3  # what changes it says that it is cut
    assert "it would be cancelled" in mc("backfill", "cancel", f"{backfill_id[:10]}…", "--dry-run").err
    refused = mc("task", "backfill", "tea", *RANGE, "--start")
    assert (refused.code, f"backfill {backfill_id} has a part of this range" in refused.err) == (2, True)

    assert "it would be cancelled" in mc("backfill", "cancel", backfill_id, "--dry-run").err
    assert "cancelled (enough): 0 of 24" in mc("backfill", "cancel", backfill_id, "--reason", "enough").err
    assert mc("backfill", "cancel", backfill_id).code == 4
    assert mc("backfill", "list", "--json").json == []
    assert "cancelled (enough)" in mc("backfill", "show", backfill_id).out
    assert [one["state"] for one in mc("backfill", "list", "--all", "--json").json] == ["cancelled"]
    assert mc("backfill", "show", backfill_id, "--wait").code == 7
    assert installation.ledger.active_count() == 0
    changes = installation.settings.task_changes_log.read_text("utf-8")
    assert changes.count('"backfill_started"') == changes.count('"backfill_cancelled"') == 1


@pytest.mark.parametrize(
    ("args", "code", "reported"),
    [
        (["tae", *RANGE], 3, "did you mean"),
        (["tea", "--from", RANGE[3], "--to", RANGE[1]], 2, "is not after --from 2026-03-02 00:00:00 UTC"),
        (["tea", "--from", RANGE[1], "--to", RANGE[1]], 2, "--to: 2026-03-01 00:00:00 UTC is not after"),
        (["tea", "--from", "2099-01-01T00:00:00Z", "--to", "2099-01-02T00:00:00Z"], 2, "is in the future"),
        (["tea", "--from", RANGE[1], "--to", "2099-01-02T00:00:00Z"], 2, "leave --to out for all up to now"),
        (["tea", "--from", RANGE[1], "--to", RANGE[3], "--rate", "0/m"], 2, "is no rate"),
        (["tea", *RANGE, "--rate", "often"], 2, 'write how many in a time, such as "30/m"'),
        (["tea", *RANGE, "--share", "0"], 2, "not in the range"),
        (["tea", *RANGE, "--rerun", "some"], 2, "some"),
        (["tea", "--from", "once upon a time"], 2, "is not a moment"),
        (["tea", "--from", "2026-03-01T00:30:00Z", "--to", "2026-03-01T00:40:00Z"], 2, "no occurrence"),
        (["ticks", *RANGE], 2, "more than 10,000 occurrences are in the range; split it"),
        (["ticks", "--from", "2000-01-01T00:00:00Z"], 2, "the first part ends at 2000-01-01 02:46:40 UTC"),
        (["after_end", *RANGE], 2, "there are no past ones to run"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_backfill_that_cannot_be_is_refused_by_name_and_enters_nothing(
    installation: Installation, args: list[str], code: int, reported: str
) -> None:
    answer = mc("task", "backfill", *args, "--start")
    assert (answer.code, reported in answer.err) == (code, True), answer.err
    assert installation.client.keys("mc:backfill*") == []
    assert installation.ledger.active_count() == 0


@pytest.mark.parametrize("verb", ["show", "cancel"])
@pytest.mark.parametrize("name", ["01M8ESHREAT3C2CQ5X51J4E5HG", "a:left", "*"])
def test_unknown_backfill_is_not_found(verb: str, name: str) -> None:
    answer = mc("backfill", verb, name)
    assert (answer.code, "there is no backfill" in answer.err) == (3, True)


def test_range_without_an_end_ends_now() -> None:
    start = format_instant(utc_now() - timedelta(hours=3))
    found = mc("task", "backfill", "tea", "--from", start, "--json").json
    assert found["count"] in {3, 4}
