"""Accounts that end now: what is due may still begin, and what has begun is no surprise."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.model.definitions.schedules import spread_offset
from tests.samples.accounted_day import DAY, HOUR, HOURLY, AccountedDay, hours

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.operate.account.account import Account

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("spread", [0, 600])
def test_occurrence_of_the_last_minute_is_expected_once_it_has_a_record(tmp_path: Path, spread: int) -> None:
    day = AccountedDay(tmp_path)
    day.change("registered", DAY - 12 * HOUR, schedule={**HOURLY, "spread_seconds": spread})
    fired = DAY + 3 * HOUR + spread_offset("tea", spread)

    def account() -> Account:
        return day.account(until=DAY + 4 * HOUR, created=fired + 20 * SECOND)

    for at in hours(0, 3):
        day.end(at)
    assert (account().balance.expected, account().is_balanced) == (3, True)
    day.end(DAY + 3 * HOUR)
    assert (account().balance.expected, account().is_balanced) == (4, True)
    day.end(DAY + 3 * HOUR + SECOND)
    assert account().unexpected == ["tea@20260302T030001Z"]
