from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from mission_control.model.values.identifiers import occurrence_execution_id, task_id_problem


@pytest.mark.parametrize("task_id", ["a", "9", "daily_briefing_9am", "A.b-c_d", "x" * 128])
def test_id_of_letters_digits_and_allowed_marks_is_valid(task_id: str) -> None:
    assert task_id_problem(task_id) is None


@pytest.mark.parametrize(
    ("task_id", "words"),
    [
        ("", "the id is empty"),
        ("a/b", 'it has "/"'),
        ("a\n", "it has a line break"),
        ("a b", "it has a space"),
        ("a@b", 'it has "@"'),
        ("../etc", 'it has "/"'),
        (".hidden", 'it begins with "."'),
        ("größe", 'it has "\\xf6"'),
        ("x" * 129, "129 characters; use at most 128"),
    ],
)
def test_invalid_id_error_names_the_fault(task_id: str, words: str) -> None:
    problem = task_id_problem(task_id)
    assert problem is not None
    assert words in problem
    assert "\n" not in problem


def test_invalid_id_error_suggests_a_valid_one() -> None:
    problem = task_id_problem("reports/daily 9am")
    assert problem is not None
    assert problem.endswith('did you mean "reports_daily_9am"?')


def test_execution_id_of_an_occurrence_has_its_time_in_utc() -> None:
    berlin = datetime(2025, 10, 16, 11, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    assert occurrence_execution_id("a", berlin) == "a@20251016T090000Z"


@pytest.mark.parametrize(
    ("microsecond", "written"), [(250_000, "a@20251016T090000.250Z"), (1, "a@20251016T090000.000001Z")]
)
def test_execution_id_has_a_fraction_only_if_the_time_has_one(microsecond: int, written: str) -> None:
    moment = datetime(2025, 10, 16, 9, 0, 0, microsecond, tzinfo=UTC)
    assert occurrence_execution_id("a", moment) == written


def test_occurrence_without_a_zone_has_no_execution_id() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        occurrence_execution_id("a", datetime(2025, 10, 16, 9, 0))  # noqa: DTZ001
