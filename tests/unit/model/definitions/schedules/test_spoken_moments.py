from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mission_control.model.definitions.schedules.shorthand.moments import spoken_moment

BERLIN = ZoneInfo("Europe/Berlin")
EARLY, LATE = (datetime.fromisoformat(one) for one in ("0001-02-01", "9999-11-01"))
NOW = datetime(2026, 3, 4, 11, 30, tzinfo=UTC)  # a Wednesday, 12:30 in Berlin


@pytest.mark.parametrize(
    ("text", "ahead", "back"),
    [
        ("now", "2026-03-04 11:30:00+00:00", "2026-03-04 11:30:00+00:00"),
        ("5m", "2026-03-04 11:35:00+00:00", "2026-03-04 11:25:00+00:00"),
        ("in 1h30m", "2026-03-04 13:00:00+00:00", "2026-03-04 13:00:00+00:00"),
        ("2 days ago", "2026-03-02 11:30:00+00:00", "2026-03-02 11:30:00+00:00"),
        ("tomorrow 09:00", "2026-03-05 09:00:00", "2026-03-05 09:00:00"),
        ("Tomorrow at 9:00", "2026-03-05 09:00:00", "2026-03-05 09:00:00"),
        ("yesterday 23:59:59", "2026-03-03 23:59:59", "2026-03-03 23:59:59"),
        ("12:30", "2026-03-05 12:30:00", "2026-03-04 12:30:00"),
        ("12:31", "2026-03-04 12:31:00", "2026-03-03 12:31:00"),
        ("wed 12:30", "2026-03-11 12:30:00", "2026-03-04 12:30:00"),
        ("monday 09:00", "2026-03-09 09:00:00", "2026-03-02 09:00:00"),
        ("2026-12-24 9:00", "2026-12-24 09:00:00", "2026-12-24 09:00:00"),
        ("2026-12-24T09:00", "2026-12-24 09:00:00", "2026-12-24 09:00:00"),
        (
            "2026-12-24 09:00:00 America/New_York",  # as commands show it
            "2026-12-24 14:00:00+00:00",
            "2026-12-24 14:00:00+00:00",
        ),
        (
            "2026-12-24T09:00:00.5+01:00",
            "2026-12-24 08:00:00.500000+00:00",
            "2026-12-24 08:00:00.500000+00:00",
        ),
    ],
)
def test_moment_in_words_is_ahead_or_back_as_the_question_is(text: str, ahead: str, back: str) -> None:
    assert str(spoken_moment(text, NOW, BERLIN)) == ahead
    assert str(spoken_moment(text, NOW, BERLIN, past=True)) == back


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("yesterday", "2026-03-03"),
        ("today", "2026-03-04"),
        ("fri", "2026-02-27"),
        ("2026-01-31", "2026-01-31"),
    ],
)
def test_day_alone_is_its_beginning_where_the_past_is_asked_about(text: str, moment: str) -> None:
    assert str(spoken_moment(text, NOW, BERLIN, past=True)) == f"{moment} 00:00:00"
    with pytest.raises(ValueError, match="is not a moment: it has no time of day"):
        spoken_moment(text, NOW, BERLIN)


@pytest.mark.parametrize("past", [False, True], ids=["ahead", "past"])
@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("9", "09:00"),
        ("monday 9", "mon 09:00"),
        ("tomorrow 9pm", "tomorrow 21:00"),
        ("morgen 9 Uhr", "tomorrow 09:00"),
        ("soon", "tomorrow 09:00"),
        ("tomorrow 25:00", "tomorrow 09:00"),
        ("mod 09:00", "09:00"),
        ("next monday 09:00", "mon 09:00"),
        ("in 0.5 months", "5m"),
        ("5 parsecs ago", "5m"),
        ("99999999w", "tomorrow 09:00"),
        ("", "09:00"),
        ("x" * 100_000, "09:00"),
    ],
    ids=lambda one: str(one)[:20],
)
def test_text_that_is_no_moment_is_refused_with_the_nearest_forms(text: str, form: str, past: bool) -> None:
    with pytest.raises(ValueError, match="is not a moment") as caught:
        spoken_moment(text, NOW, BERLIN, past=past)
    forms = re.findall(r'"([^"]+)"', str(caught.value).rpartition("; write ")[2])
    assert form in forms
    assert len(str(caught.value)) < 400
    assert [str(spoken_moment(one, NOW, BERLIN)) for one in forms]


@given(minutes=st.integers(1, 7 * 1_440 - 1), now=st.datetimes(EARLY, LATE))
def test_weekday_and_time_of_a_moment_within_a_week_are_that_moment(minutes: int, now: datetime) -> None:
    now = now.replace(second=0, microsecond=0)
    for moment, past in ((now + timedelta(minutes=minutes), False), (now - timedelta(minutes=minutes), True)):
        assert spoken_moment(f"{moment:%A %H:%M}", now.replace(tzinfo=UTC), UTC, past=past) == moment
