"""Accounts of days: what was expected by the timetables in force, and what the records say."""

from __future__ import annotations

import gzip
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.errors import AccountError
from mission_control.operate.account import gathering, reckoning
from tests.samples.accounted_day import DAY, HOUR, AccountedDay, hours

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def day(tmp_path: Path) -> AccountedDay:
    """An hourly task that was registered the day before."""
    day = AccountedDay(tmp_path)
    day.change("registered", DAY - 12 * HOUR)
    return day


def words(day: AccountedDay, **span: Any) -> str:
    return day.account(**span).balance.words().partition("Z: ")[2]


def test_day_with_a_record_of_every_occurrence_leaves_nothing_unaccounted(day: AccountedDay) -> None:
    for at in hours(0, 20):
        day.end(at)
    day.end(DAY + 20 * HOUR, "failure")
    for at in hours(21, 23):
        day.end(at, "skipped", cause={"class": "overlap", "run": "tea@20260302T200000Z"})
    day.end(DAY + 23 * HOUR, "missed", cause={"class": "misfire"})
    account = day.account()
    assert account.balance.words().partition("Z: ")[2] == (
        "expected 24 = done 21 + explained 3 (1 missed (misfire), 2 skipped (overlap)), unexplained 0"
    )
    assert account.is_balanced


def test_occurrence_without_a_record_is_listed_by_id(day: AccountedDay) -> None:
    for at in hours():
        if at.hour not in {7, 23}:
            day.end(at)
    account = day.account()
    assert account.balance.unexplained == ["tea@20260302T070000Z", "tea@20260302T230000Z"]
    assert not account.is_balanced
    assert account.balance.expected == 24


def test_record_that_no_timetable_expected_is_listed(day: AccountedDay) -> None:
    for at in hours():
        day.end(at)
    day.end(DAY + 7 * HOUR + timedelta(minutes=30))
    account = day.account()
    assert account.unexpected == ["tea@20260302T073000Z"]
    assert (account.is_balanced, account.balance.expected) == (False, 24)


def test_occurrence_that_is_recorded_twice_is_listed_and_counts_once(day: AccountedDay) -> None:
    for at in hours():
        day.end(at)
    day.end(DAY, late=True)
    account = day.account()
    assert account.twice == [
        {"id": "tea@20260302T000000Z", "first": "success", "again": "success", "repaired": True}
    ]
    assert (account.balance.expected, account.is_balanced) == (24, True)
    day.end(DAY, "failure")
    assert (day.account().counts["twice"], day.account().is_balanced) == (2, False)


def test_moved_occurrence_is_recorded_under_its_own_id_and_explained_until_then(day: AccountedDay) -> None:
    for at in hours():
        if at.hour != 9:
            day.end(at)
    own = "tea@20260302T090000Z"
    moved = [DAY + timedelta(days=2), DAY + timedelta(days=3)]
    texts = [f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in moved]
    fields = {
        "occurrence.id": {"from": None, "to": own},
        "occurrence.moved_to": {"from": None, "to": texts[0]},
    }
    day.change_record("occurrence_moved", DAY, "tea", fields)
    again = {
        "occurrence.id": {"from": None, "to": own},
        "occurrence.moved_to": {"from": texts[0], "to": texts[1]},
    }
    day.change_record("occurrence_moved", DAY + HOUR, "tea", again)
    account = day.account(created=moved[0] + HOUR)
    assert dict(account.balance.explained) == {"moved": 1}
    later = day.account(created=moved[1] + HOUR)
    assert later.balance.unexplained == [own]
    day.end(DAY + 9 * HOUR, moved_to=moved[1])
    assert day.account(created=moved[1] + HOUR).is_balanced


def test_occurrence_that_its_schedule_no_longer_had_is_skipped_by_hand_and_expected(
    day: AccountedDay,
) -> None:
    for at in hours():
        day.end(at)
    name = "tea@20260302T093000Z"
    skipped = {
        "occurrence.id": {"from": None, "to": name},
        "occurrence.is_skipped": {"from": None, "to": True},
    }
    day.change_record("occurrence_skipped", DAY, "tea", skipped)
    day.end(DAY + 9.5 * HOUR, "skipped", cause={"class": "skipped_by_hand"})
    account = day.account()
    assert (account.unexpected, dict(account.balance.explained)) == ([], {"skipped (skipped_by_hand)": 1})


def test_what_one_missed_record_stands_for_is_missed_together(day: AccountedDay) -> None:
    until = (DAY + 20 * HOUR).isoformat()
    day.end(
        DAY, "missed", reason=f"this and all before {until}: no beat fired them", cause={"class": "misfire"}
    )
    for at in hours(20):
        day.end(at)
    account = day.account()
    assert dict(account.balance.explained) == {"missed (misfire)": 1, "missed (together)": 19}
    assert account.is_balanced


def test_runs_outside_the_timetable_are_counted_apart(day: AccountedDay) -> None:
    for at in hours():
        day.end(at)
    day.end(DAY, execution_id="tea@manual-01JAB", trigger="manual")
    day.end(DAY, execution_id="cake@after-20260302T000000Z", task_id="cake", trigger="after")
    day.end(DAY, execution_id="tea@backfill-20260302T000000Z", trigger="backfill")
    day.end(DAY, "rejected", execution_id="x")
    account = day.account()
    assert account.requested == {"after": 1, "backfill": 1, "manual": 1}
    assert account.is_balanced


def test_backfill_of_what_the_task_never_had_is_a_requested_run(day: AccountedDay) -> None:
    for at in hours():
        day.end(at)
    day.end(DAY + HOUR / 2, trigger="backfill")
    assert (day.account().requested, day.account().unexpected) == ({"backfill": 1}, [])


def test_records_of_other_programs_entries_are_expected_as_they_are(day: AccountedDay) -> None:
    for at in hours():
        day.end(at)
        day.end(at + timedelta(minutes=7), task_id="send weekly report")
    day.end(DAY + timedelta(minutes=7), task_id="send weekly report")
    account = day.account()
    assert (account.balance.expected, account.unexpected) == (48, [])
    assert [one["id"] for one in account.twice] == ["send weekly report@20260302T000700Z"]


def test_task_registered_to_catch_up_is_not_unexpected(tmp_path: Path) -> None:
    day = AccountedDay(tmp_path)
    day.change("registered", DAY + 12 * HOUR - timedelta(seconds=1))
    for at in hours():
        day.end(at)
    assert (day.account().balance.expected, day.account().unexpected) == (24, [])


def test_records_are_read_from_rotated_and_compressed_files(day: AccountedDay) -> None:
    for at in hours(0, 12):
        day.end(at)
    rotated = day.runs.with_name(f"{day.runs.name}.1")
    day.runs.rename(rotated)
    for at in hours(12):
        day.end(at)
    packed = rotated.with_name(f"{rotated.name}.gz")
    packed.write_bytes(gzip.compress(rotated.read_bytes()))
    rotated.unlink()
    assert day.account().is_balanced


def test_files_written_before_the_span_are_not_read(day: AccountedDay) -> None:
    for at in hours(0, 12):
        day.end(at)
    rotated = day.runs.with_name(f"{day.runs.name}.1")
    day.runs.rename(rotated)
    os.utime(rotated, times=((DAY + 12 * HOUR).timestamp(),) * 2)
    for at in hours(12):
        day.end(at)
    span = DAY, DAY + 24 * HOUR
    streams = day.runs, day.changes
    skipping, _ = gathering.counted(*streams, (DAY + 13 * HOUR, span[1]), DAY + 25 * HOUR, is_whole=False)
    reading, _ = gathering.counted(*streams, span, DAY + 25 * HOUR, is_whole=False)
    assert (skipping.is_balanced, reading.is_balanced) == (True, True)
    assert len(skipping.anchors["runs"]) == 1


def test_time_before_the_installation_has_no_account(day: AccountedDay) -> None:
    with pytest.raises(
        AccountError, match=r"the first task was registered at 2026-03-01T12:00:00Z; ask for a"
    ):
        day.account(DAY - 48 * HOUR, DAY - 24 * HOUR)


def test_span_with_too_many_occurrences_is_refused(
    day: AccountedDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reckoning, "MOST", 23)
    with pytest.raises(AccountError, match="more than 23 occurrences; ask for a shorter one"):
        day.account()


def test_other_runs_beyond_the_bound_are_refused(day: AccountedDay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reckoning, "MOST", 24)
    for number in range(25):
        day.end(DAY, execution_id=f"tea@manual-{number}", trigger="manual")
    with pytest.raises(AccountError, match="more than 24 other runs"):
        day.account()


def test_lists_are_bounded_and_counts_are_not(day: AccountedDay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_LISTED", 3)
    account = day.account()
    assert (len(account.unrecorded), account.counts["unrecorded"]) == (3, 24)
    assert account.balance.words().endswith("unexplained 24")


def test_damaged_records_are_passed_over(day: AccountedDay) -> None:
    for at in hours():
        day.end(at)
    with day.runs.open("ab") as file:
        file.write(
            b'{"final": true, "execution_id": 3}\n{"final":true,"execution_id":"tea@","task_id":"tea",'
        )
        file.write(b'"scheduled_time":"2026-03-02T"}\n[]\n\xff\n')
    with day.changes.open("ab") as file:
        file.write(b'{"change": "updated", "task_id": "tea", "diff": {"enabled": 3}, "timestamp": 4}\n{"a"\n')
    assert day.account().balance.expected == 24
