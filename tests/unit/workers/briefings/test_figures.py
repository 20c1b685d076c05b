from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from mission_control.model.values.quantities import counted
from workers.briefings.markdown import clock, day_and_clock, duration_ms, long_day, share


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(None, "-"), (0, "0 ms"), (999, "999 ms"), (1_000, "1 s"), (9_900, "9.9 s"), (60_000, "1 min"),
     (3_599_000, "59 min 59 s"), (3_600_000, "1 h"), (360_000_000, "4 d 4 h")],
)  # fmt: skip
def test_duration_has_a_fitting_unit(milliseconds: float | None, text: str) -> None:
    assert duration_ms(milliseconds) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "-"), (0, 5, "0%"), (5, 5, "100%"), (9_999, 10_000, "99%"), (1, 10_000, "1%")],
)
def test_share_is_100_percent_only_for_all_and_0_only_for_none(part: int, whole: int, text: str) -> None:
    assert share(range(part), range(whole)) == text


def test_counts_and_days_read_naturally() -> None:
    moment = datetime(2025, 10, 26, 1, 30, 5, tzinfo=UTC)
    assert [counted(0, "run"), counted(1, "run"), counted(1_234, "run")] == ["0 runs", "1 run", "1,234 runs"]
    assert long_day(date(2024, 2, 29)) == "Thursday, 29 February 2024"
    assert clock(moment, ZoneInfo("Europe/Berlin")) == "02:30:05"
    assert day_and_clock(moment, ZoneInfo("America/New_York")) == "Sat 25 Oct 21:30:05"
