"""Timetables that were in force on a day, as the records of changes have them, in any order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.samples.accounted_day import DAY, HOUR, AccountedDay, hours

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def day(tmp_path: Path) -> AccountedDay:
    """An hourly task that was registered the day before."""
    day = AccountedDay(tmp_path)
    day.change("registered", DAY - 12 * HOUR)
    return day


NEW_RULE = {"type": "cron", "expression": "30 * * * *"}
CHANGES: dict[str, tuple[list[tuple[str, float, dict[str, Any]]], int]] = {
    "disabled at noon": ([("disabled", 11.9, {"enabled": False})], 12),
    "disabled for two hours": (
        [("disabled", 11.9, {"enabled": False}), ("enabled", 13.9, {"enabled": True})],
        22,
    ),
    "moved to the half hour": ([("updated", 11.9, {"schedule": NEW_RULE})], 24),
    "removed and registered again": ([("unregistered", 5.5, {}), ("registered", 9.5, {})], 20),
    "another handler": ([("updated", 11.9, {"handler": "handlers.log_time.run"})], 24),
    "without a schedule": ([("updated", 11.9, {"schedule": None})], 12),
    "of fewer hours": (
        [("updated", 11.9, {"schedule": {"type": "daily", "times": ["12:00", "18:00"]}})],
        14,
    ),
    "excluded days": (
        [
            (
                "updated",
                11.9,
                {"schedule": {"type": "daily", "time": "12:00", "exclude": ["2026-03-02"] * 200}},
            )
        ],
        12,
    ),
    "spread": (
        [("updated", -1, {"schedule": {"type": "daily", "time": "23:00", "spread_seconds": 3600}})],
        1,
    ),
    "a fixed delay": (
        [("updated", 11.9, {"schedule": {"type": "interval", "hours": 1, "measure_from": "finish"}})],
        12,
    ),
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("is_late", [False, True], ids=["in order", "written late"])
def test_expected_is_what_the_timetable_in_force_then_had(
    changes: tuple[list[tuple[str, float, dict[str, Any]]], int], is_late: bool, tmp_path: Path
) -> None:
    day = AccountedDay(tmp_path)
    day.change("registered", DAY - 12 * HOUR)
    for what, hour, fields in changes[0]:
        day.change(what, DAY + hour * HOUR, **fields)
    if is_late:  # records that were pending stand at the end, in any order
        lines = day.changes.read_bytes().splitlines(keepends=True)
        day.changes.write_bytes(b"".join(reversed(lines)))
    account = day.account(created=DAY + 48 * HOUR)
    assert account.balance.expected == changes[1]
    assert account.unknown == []


@pytest.mark.parametrize(("date", "count"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_day_on_which_clocks_change_has_its_own_length(date: str, count: int, tmp_path: Path) -> None:
    day, berlin = AccountedDay(tmp_path), ZoneInfo("Europe/Berlin")
    first = datetime.fromisoformat(date).replace(tzinfo=berlin)
    day.change(
        "registered", DAY, schedule={"type": "cron", "expression": "0 * * * *", "timezone": "Europe/Berlin"}
    )
    day.change(
        "registered", DAY, "dawn", schedule={"type": "daily", "time": "02:30", "timezone": "Europe/Berlin"}
    )
    account = day.account(*(one.astimezone(DAY.tzinfo) for one in (first, first + timedelta(days=1))))
    assert account.balance.expected == count + 1


def test_occurrence_that_fell_due_as_its_timetable_changed_is_explained(day: AccountedDay) -> None:
    for at in hours(0, 12):
        day.end(at)
    day.change("updated", DAY + 12 * HOUR + timedelta(seconds=1), schedule=NEW_RULE)
    for at in hours(12):
        day.end(at + HOUR / 2)
    assert dict(day.account().balance.explained) == {"changed before it fired": 1}


def test_occurrence_overdue_for_long_when_its_timetable_changed_is_unaccounted(day: AccountedDay) -> None:
    for at in hours(0, 12):
        day.end(at)
    day.change("disabled", DAY + 12.5 * HOUR, enabled=False)
    assert day.account().balance.unexplained == ["tea@20260302T120000Z"]


def test_occurrences_of_a_task_in_quarantine_are_explained(day: AccountedDay) -> None:
    for at in hours(0, 12):
        day.end(at)
    day.change_record("quarantined", DAY + 12 * HOUR, "tea", {})
    assert dict(day.account().balance.explained) == {"quarantined": 12}
    day.change_record("restored", DAY + 25 * HOUR, "tea", {})
    assert day.account().counts["unrecorded"] == 12


def test_registration_in_a_removed_file_makes_the_timetable_unknown(tmp_path: Path) -> None:
    day = AccountedDay(tmp_path)
    day.change("registered", DAY - 12 * HOUR)
    day.changes.unlink()
    day.change("disabled", DAY + 12 * HOUR, enabled=False)
    account = day.account()
    assert (account.unknown, account.is_balanced) == (["tea"], False)
