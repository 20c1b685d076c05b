from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from mission_control.errors import InvalidTaskError
from mission_control.model.definitions.task import TaskDefinition, parse_task

# The example of the story, word for word.
STORY: dict[str, Any] = {
    "id": "daily_briefing_9am",
    "name": "Daily Briefing",
    "description": "Generate morning briefing for user",
    "schedule": {"type": "daily", "time": "09:00"},
    "handler": "handlers.daily_briefing.run",
    "enabled": True,
    "metadata": {
        "created": "2025-10-16T12:00:00Z",
        "created_by": "system",
        "last_modified": "2025-10-16T12:00:00Z",
    },
    "execution_history": {
        "last_run": "2025-10-16T09:00:00Z",
        "next_run": "2025-10-17T09:00:00Z",
        "total_runs": 5,
        "success_count": 5,
        "failure_count": 0,
    },
    "retry_policy": {"max_retries": 3, "retry_delay_seconds": 300},
}
SMALLEST: dict[str, Any] = {
    "id": "new_task",
    "schedule": {"type": "daily", "time": "14:00"},
    "handler": "handlers.my_handler.run",
}


def test_definition_of_the_story_is_valid_word_for_word() -> None:
    task = parse_task(STORY)
    assert task.name == "Daily Briefing"
    assert task.metadata.created == datetime(2025, 10, 16, 12, tzinfo=UTC)
    assert task.execution_history.success_count == 5


def test_definition_of_the_story_is_written_as_it_was_read() -> None:
    written = parse_task(STORY).to_dict()
    assert list(written)[: len(STORY)] == list(STORY)
    for key in STORY.keys() - {"schedule", "metadata", "retry_policy"}:
        assert written[key] == STORY[key]
    for key in ("schedule", "metadata", "retry_policy"):
        assert written[key].items() >= STORY[key].items()


def test_whole_seconds_are_written_without_a_fraction() -> None:
    assert "300," in str(parse_task(STORY).to_dict()["retry_policy"])


def test_smallest_definition_is_written_with_the_documented_defaults() -> None:
    written = parse_task(SMALLEST).to_dict()
    assert written | {"schedule": None} == {
        "id": "new_task",
        "name": "new_task",
        "description": "",
        "schedule": None,
        "handler": "handlers.my_handler.run",
        "params": {},
        "enabled": True,
        "retry_policy": {
            "max_retries": 3,
            "retry_delay_seconds": 300,
            "backoff": "fixed",
            "max_delay_seconds": 3600,
            "jitter": False,
        },
        "secret": [],
        "timeout_seconds": None,
        "expires_seconds": None,
        "fresh_process": False,
        "misfire": {"policy": "latest", "grace_seconds": 86400, "max_catch_up": 100, "stagger_seconds": 0},
        "overlap": "skip",
        "queue_limit": 1,
        "queue": "default",
        "priority": 0,
        "owner": "api",
        "tags": [],
        "metadata": {"created": None, "created_by": None, "last_modified": None, "revision": 1},
        "execution_history": {
            "last_run": None,
            "next_run": None,
            "total_runs": 0,
            "success_count": 0,
            "failure_count": 0,
        },
    }


def test_zero_retries_and_zero_delay_are_kept() -> None:
    task = parse_task(SMALLEST | {"retry_policy": {"max_retries": 0, "retry_delay_seconds": 0}})
    assert (task.retry_policy.max_retries, task.retry_policy.retry_delay_seconds) == (0, 0)


def test_schedule_without_a_zone_gets_the_default_zone() -> None:
    task = parse_task(SMALLEST, default_timezone="Europe/Berlin")
    assert task.schedule.timezone == "Europe/Berlin"


def test_written_zone_survives_another_default() -> None:
    written = parse_task(SMALLEST, default_timezone="UTC").to_dict()
    assert parse_task(written, default_timezone="Asia/Tokyo").schedule.timezone == "UTC"


def test_definition_cannot_be_changed() -> None:
    task = parse_task(SMALLEST)
    with pytest.raises(ValidationError, match="frozen"):
        task.enabled = False  # type: ignore[misc]


def test_definition_is_unaffected_by_later_changes_of_its_data() -> None:
    data: dict[str, Any] = SMALLEST | {"params": {"cities": ["Berlin"]}, "tags": ["a"]}
    task = parse_task(data)
    data["params"]["cities"].append("Paris")
    data["tags"].append("b")
    assert task.params == {"cities": ["Berlin"]}
    assert task.tags == ("a",)


def test_parsing_leaves_the_given_data_unchanged() -> None:
    data = SMALLEST | {"params": {"a": [1]}}
    before = repr(data)
    parse_task(data)
    assert repr(data) == before


def test_task_problems_are_reported_at_once_in_field_order() -> None:
    with pytest.raises(InvalidTaskError) as caught:
        parse_task(
            STORY
            | {
                "schedule": {"type": "daily", "tiem": "09:00", "time": "25:00"},
                "retry_policy": {"max_retries": -1, "jitter": "no"},
                "params": {"ratio": float("nan")},
                "scheduel": {},
            }
        )
    assert [problem.path for problem in caught.value.problems] == [
        "schedule.time",
        "schedule.tiem",
        "retry_policy.max_retries",
        "retry_policy.jitter",
        "params.ratio",
        "scheduel",
    ]
    assert str(caught.value).startswith("task 'daily_briefing_9am': 6 problems\n  schedule.time: '25:00'")


def test_invalid_definition_raises_a_value_error() -> None:
    with pytest.raises(ValueError, match="task definition: 3 problems"):
        parse_task({})


def test_model_and_parser_apply_the_same_rules() -> None:
    assert TaskDefinition.model_validate(STORY) == parse_task(STORY)


def test_missing_handler_is_reported_with_all_other_problems() -> None:
    with pytest.raises(InvalidTaskError) as caught:
        parse_task(
            SMALLEST | {"enabled": "no", "condition": "handlers.conditions.on_workday"},
            handler_problem=lambda path: f"no handler {path!r}",
        )
    assert [str(problem) for problem in caught.value.problems] == [
        "handler: no handler 'handlers.my_handler.run'",
        "enabled: 'no' is not true or false",
        "condition: no handler 'handlers.conditions.on_workday'",
    ]


def test_malformed_handler_path_is_not_looked_up() -> None:
    with pytest.raises(InvalidTaskError) as caught:
        parse_task(SMALLEST | {"handler": "handlers.../x"}, handler_problem=lambda _path: "looked for")
    assert "looked for" not in str(caught.value)
