"""Users pin a task's timeline in their own tests: clock changes, holidays, outages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mission_control.errors import InvalidTaskError
from mission_control.testing import assert_timeline, timeline
from tests.house.documentation import blocks
from tests.house.repository import ROOT

BERLIN = {"type": "daily", "time": "02:30", "timezone": "Europe/Berlin"}
HOURLY = {"schedule": {"type": "interval", "hours": 1}}
MORNING: dict[str, Any] = {"start": "2026-03-02 06:00", "end": "2026-03-02 10:00"}
DOWN = [("2026-03-02 06:30", "2026-03-02 09:20")]


def test_clocks_that_go_forward_and_back() -> None:
    assert_timeline(
        {"schedule": BERLIN},
        """
        2026-03-28 02:30+01:00
        2026-03-29 03:00+02:00
        2026-03-30 02:30+02:00
        """,
        start="2026-03-28",
        end="2026-03-31",
    )
    both = {"schedule": {**BERLIN, "dst": {"fold": "both"}}}
    assert timeline(both, start="2026-10-25", end="2026-10-26") == [
        "2026-10-25 02:30+02:00",
        "2026-10-25 02:30+01:00",
    ]


def test_holidays_weekdays_and_conditions() -> None:
    holidays = {"schedule": {**BERLIN, "time": "09:00", "exclude": [{"holidays": "DE-BY"}, "sunday"]}}
    assert timeline(holidays, start="2026-12-24", end="2026-12-29") == [
        "2026-12-24 09:00+01:00",
        "2026-12-28 09:00+01:00",
    ]
    workday = {"schedule": "daily 09:00", "condition": "workday"}
    friday, saturday = timeline(workday, start="2026-03-06", end="2026-03-08")
    assert friday == "2026-03-06 09:00+00:00"
    assert saturday.startswith("2026-03-07 09:00+00:00 skipped: condition workday")


@pytest.mark.parametrize(
    ("misfire", "expected"),
    [
        (
            {},
            [
                "2026-03-02 06:00+00:00",
                "2026-03-02 07:00+00:00 missed: misfire policy latest: a later occurrence was due",
                "2026-03-02 08:00+00:00 missed: misfire policy latest: a later occurrence was due",
                "2026-03-02 09:00+00:00 runs at 2026-03-02 09:20+00:00",
            ],
        ),
        (
            {"policy": "all", "grace_seconds": 2 * 3600},
            [
                "2026-03-02 06:00+00:00",
                "2026-03-02 07:00+00:00 missed: noticed 2:20:00 late, past grace_seconds=7200",
                "2026-03-02 08:00+00:00 runs at 2026-03-02 09:20+00:00",
                "2026-03-02 09:00+00:00 runs at 2026-03-02 09:20+00:00",
            ],
        ),
    ],
)
def test_outage_is_followed_by_what_the_policy_says(misfire: dict[str, Any], expected: list[str]) -> None:
    assert_timeline({**HOURLY, "misfire": misfire}, expected, **MORNING, outages=DOWN)


def test_outage_that_ends_at_an_occurrence_delays_nothing() -> None:
    outages = [("2026-03-02 06:59:50", "2026-03-02 07:00:10"), ("2026-03-02 08:30", "2026-03-02 09:00")]
    assert timeline(HOURLY, **MORNING, outages=outages) == [
        f"2026-03-02 {hour:02}:00+00:00" for hour in (6, 7, 8, 9)
    ]


def test_long_outage_of_a_fast_task_is_decided_in_steps() -> None:
    fast = {"schedule": {"type": "interval", "seconds": 10}, "misfire": {"policy": "skip"}}
    lines = timeline(fast, **MORNING, outages=DOWN)
    assert len(lines) == 4 * 360
    assert sum("missed" in line for line in lines) == 1020
    assert lines[-1] == "2026-03-02 09:59:50+00:00"


def test_difference_is_shown_line_by_line() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_timeline(HOURLY, ["2026-03-02 06:00+00:00", "2026-03-02 06:30+00:00"], **MORNING)
    assert str(caught.value).splitlines() == [
        "the timeline differs (- expected, + found):",
        "  2026-03-02 06:00+00:00",
        "- 2026-03-02 06:30+00:00",
        "+ 2026-03-02 07:00+00:00",
        "+ 2026-03-02 08:00+00:00",
        "+ 2026-03-02 09:00+00:00",
    ]


@pytest.mark.parametrize(
    ("task", "span", "error", "words"),
    [
        ({"schedule": "dayly 09:00"}, MORNING, InvalidTaskError, "dayly"),
        (HOURLY, {"start": "soon", "end": "2026-03-02"}, ValueError, "soon"),
        ({"schedule": "every 1s"}, {"start": "2026-03-02", "end": "2026-03-03"}, ValueError, "10,000 lines"),
        (
            {"schedule": {"type": "interval", "hours": 1, "measure_from": "finish"}},
            MORNING,
            ValueError,
            "when runs end",
        ),
    ],
)
def test_what_has_no_timeline_is_refused(
    task: dict[str, Any], span: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=re.escape(words)):
        timeline(task, **span)


def test_example_of_the_documentation_holds() -> None:
    (text,) = (one for one in blocks(ROOT / "docs" / "task-definition.md", "python") if "timeline" in one)
    names: dict[str, Any] = {}
    exec(text, names)
    tests = [one for name, one in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test()
