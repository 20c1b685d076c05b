"""`next --schedule` for schedules that are easily got wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.stage.command_line import mc

NEW_YORK = {"timezone": "America/New_York"}


def rrule(rule: str, dtstart: str = "2020-01-01T09:00") -> dict[str, Any]:
    return {"type": "rrule", "rule": rule, "dtstart": dtstart}


@pytest.mark.parametrize(
    ("schedule", "start", "expected"),
    [
        (
            rrule("FREQ=YEARLY;BYWEEKNO=53;BYDAY=SU"),
            "2020-01-01",
            ["2021-01-03T09:00", "2027-01-03T09:00", "2033-01-02T09:00"],
        ),
        (
            rrule("FREQ=YEARLY;BYWEEKNO=-1;BYDAY=MO"),
            "2020-06-01",
            ["2020-12-28T09:00", "2021-12-27T09:00", "2022-12-26T09:00"],
        ),
        (
            rrule("FREQ=YEARLY;BYWEEKNO=1", "2024-01-01T09:00"),
            "2024-06-01",
            ["2024-12-30T09:00", "2025-12-29T09:00", "2027-01-04T09:00"],
        ),
        (
            {**rrule("FREQ=DAILY;COUNT=3", "2024-03-09T02:30"), **NEW_YORK, "dst": {"gap": "skip"}},
            "2024-03-01",
            ["2024-03-09T02:30", "2024-03-11T02:30", "2024-03-12T02:30"],
        ),
        (
            {"type": "daily", "time": "09:00", "end": "9999-12-31", **NEW_YORK},
            "9999-12-29",
            ["9999-12-29T09:00", "9999-12-30T09:00", "9999-12-31T09:00"],
        ),
        ({**rrule("FREQ=YEARLY;UNTIL=99991231T235959"), **NEW_YORK}, "9998-12-01", ["9999-01-01T09:00"]),
        (
            {"type": "cron", "expression": "0 12-12/3 * * *"},
            "2026-01-01",
            ["2026-01-01T12:00", "2026-01-02T12:00", "2026-01-03T12:00"],
        ),
        (
            {"type": "rrule", "rule": "DTSTART:20260105T090000Z\nRRULE:FREQ=DAILY\nEXDATE:20260106T090000Z"},
            "2026-01-01",
            ["2026-01-05T09:00", "2026-01-07T09:00", "2026-01-08T09:00"],
        ),
    ],
)
def test_next_times_of_a_rare_schedule_are_right(
    bare_environment: pytest.MonkeyPatch, schedule: dict[str, Any], start: str, expected: list[str]
) -> None:
    assert bare_environment is not None
    answer = mc("next", "--schedule", json.dumps(schedule), "--from", f"{start}T00:00", "-n", "3", "--json")
    assert answer.code == 0, answer.err
    assert [one["local"][:16] for one in answer.json] == expected


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ({"type": "once", "at": "9999-12-31T23:00", **NEW_YORK}, "schedule: "),
        (
            {"type": "daily", "time": "09:00", "exclude": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]},
            "never",
        ),
        ({"type": "daily", "time": "09:00", "timezone": "GMT+2"}, "write an IANA name"),
        ({"type": "daily", "time": "09:00", "timezone": "Pacific Standard Time"}, "America/Los_Angeles"),
        ({"type": "daily", "time": "09:00", "timezone": "right/Europe/Berlin"}, "schedule.timezone: "),
    ],
)
def test_schedule_that_cannot_be_is_refused_with_its_reason(
    bare_environment: pytest.MonkeyPatch, schedule: dict[str, Any], said: str
) -> None:
    assert bare_environment is not None
    answer = mc("next", "--schedule", json.dumps(schedule))
    assert answer.code == 2
    assert said in answer.err
