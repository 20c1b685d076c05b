from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mission_control.model.values.durations import duration_parts, parse_duration

SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
WORDS = {"w": " weeks", "d": " days", "h": " hours", "m": " minutes", "s": " seconds"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5_400),
        ("1 h 30 min", 5_400),
        ("1 hour and 30 minutes", 5_400),
        ("2 weeks, 1 day and 1 second", 1_296_001),
        ("2d", 172_800),
        ("1.5h", 5_400),
        ("250ms", 0.25),
        ("0s", 0),
        ("1m0.5s", 60.5),
    ],
)
def test_duration_in_words_is_its_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("5", '\'5\' is no duration, because it has no unit; write "5s", "5m", "5h" or "5d"'),
        ("0.5 months", "because months and years vary in length"),
        ("1mo", "because months and years vary in length"),
        ("5 parsecs", 'is no duration; write "5s"'),
        ("5M", 'is no duration; write "5s", "5m"'),
        ("30m1h", "is no duration"),
        ("5m 5m", "is no duration"),
        ("-5m", "is no duration"),
        ("5m and", "is no duration"),
        ("1,5h", "is no duration"),
        ("1e3s", "is no duration"),
        ("\u0665m", "is no duration"),
        ("5 Minuten", "is no duration"),
        ("", 'is no duration; write "90s", "5m", "1h30m" or "2d"'),
        ("9" * 100_000 + "s", "is no duration"),
    ],
    ids=lambda one: str(one)[:30],
)
def test_text_that_is_no_duration_is_refused_with_the_nearest(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)) as caught:
        parse_duration(text)
    assert len(str(caught.value)) < 300
    for form in re.findall(r'"([^"]+)"', str(caught.value)):
        assert parse_duration(form) > 0


@given(
    counts=st.dictionaries(st.sampled_from(list(SECONDS)), st.integers(0, 999_999), min_size=1),
    words=st.sampled_from([{unit: unit for unit in SECONDS}, WORDS]),
    between=st.sampled_from(["", " ", ", ", " and "]),
)
def test_every_combination_of_units_adds_up(
    counts: dict[str, int], words: dict[str, str], between: str
) -> None:
    text = between.join(f"{counts[unit]}{words[unit]}" for unit in SECONDS if unit in counts)
    assert parse_duration(text) == sum(count * SECONDS[unit] for unit, count in counts.items())
    assert list(duration_parts(text).values()) == [counts[unit] for unit in SECONDS if unit in counts]
