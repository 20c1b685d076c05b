"""Definitions that are refused, each with the one line that its author reads."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mission_control.errors import InvalidTaskError
from mission_control.model.definitions.task import parse_task

DAILY = {"type": "daily", "time": "09:00"}
GOOD: dict[str, Any] = {"id": "briefing", "schedule": DAILY, "handler": "handlers.daily_briefing.run"}

# What is changed in a good definition, and the problem that must come of it, whole.
WHOLE_MESSAGES: list[tuple[dict[str, Any], str]] = [
    # unknown keys
    ({"enabeld": True}, 'enabeld: unknown key; did you mean "enabled"?'),
    ({"max_retries": 3}, 'max_retries: unknown key; did you mean "retry_policy.max_retries"?'),
    ({"retry_policy": {"retries": 3}}, 'retry_policy.retries: unknown key; did you mean "max_retries"?'),
    ({"schedule": DAILY | {"tiem": "9"}}, 'schedule.tiem: unknown key; did you mean "time"?'),
    (
        {"misfire": {"zzz": 1}},
        "misfire.zzz: unknown key; known here: policy, grace_seconds, max_catch_up, stagger_seconds",
    ),
    ({"after": [{"task": "a", "onn": "success"}]}, 'after[0].onn: unknown key; did you mean "on"?'),
    # wrong types
    ({"enabled": "false"}, "enabled: 'false' is not true or false; write it without quotes"),
    ({"enabled": 1}, "enabled: 1 is not true or false"),
    ({"name": 5}, 'name: 5 is not text; write text in "quotes"'),
    ({"name": None}, 'name: null is not text; write text in "quotes"'),
    ({"priority": True}, "priority: true is not a whole number"),
    ({"priority": 1.5}, "priority: 1.5 is not a whole number"),
    ({"tags": "a,b"}, "tags: 'a,b' is not a list; write it in [brackets]"),
    ({"tags": ["a", 5]}, 'tags[1]: 5 is not text; write text in "quotes"'),
    ({"params": [1]}, "params: a list is not an object; write its keys and values in {braces}"),
    ({"schedule": 5}, "schedule: 5 is not an object; write its keys and values in {braces}"),
    ({"retry_policy": 3}, "retry_policy: 3 is not an object; write its keys and values in {braces}"),
    (
        {"retry_policy": {"max_retries": "3"}},
        "retry_policy.max_retries: '3' is not a whole number; write it without quotes",
    ),
    (
        {"timeout_seconds": "soon"},
        'timeout_seconds: \'soon\' is no duration; write "90s", "5m", "1h30m" or "2d"',
    ),
    # numbers out of bounds
    (
        {"retry_policy": {"retry_delay_seconds": -5}},
        "retry_policy.retry_delay_seconds: -5 is too small; use 0 or more",
    ),
    (
        {"retry_policy": {"retry_delay_seconds": float("nan")}},
        "retry_policy.retry_delay_seconds: nan is not a finite number; write a finite one",
    ),
    (
        {"retry_policy": {"max_delay_seconds": float("inf")}},
        "retry_policy.max_delay_seconds: inf is not a finite number; write a finite one",
    ),
    ({"timeout_seconds": 0}, "timeout_seconds: 0 is too small; use more than 0"),
    ({"timeout_seconds": 1e300}, "timeout_seconds: 1e+300 is too large; use 315360000 or less"),
    ({"priority": 10}, "priority: 10 is too large; use 9 or less"),
    ({"priority": 2**64}, "priority: an integer of more than 64 bits; write it as text"),
    # choices
    (
        {"overlap": "alow"},
        """overlap: 'alow' is not one of skip, queue, queue_latest, allow, replace; did you mean "allow"?""",
    ),
    (
        {"misfire": {"policy": "last"}},
        """misfire.policy: 'last' is not one of latest, all, skip; did you mean "latest"?""",
    ),
    ({"join": None}, "join: null is not one of all, any"),
    # ids, paths, instants
    (
        {"id": "reports/daily"},
        (
            """id: 'reports/daily' is not an id: it has "/"; use letters, digits, "_", "." and "-", """
            """and begin with a letter or digit; did you mean "reports_daily"?"""
        ),
    ),
    (
        {"id": "daily\n"},
        (
            """id: 'daily\\n' is not an id: it has a line break; use letters, digits, "_", "." and "-", """
            """and begin with a letter or digit; did you mean "daily"?"""
        ),
    ),
    (
        {"id": ""},
        'id: the id is empty; use letters, digits, "_", "." and "-", and begin with a letter or digit',
    ),
    ({"id": 7}, 'id: 7 is not text; write text in "quotes"'),
    (
        {"handler": "handlers.../x"},
        (
            "handler: 'handlers.../x' is not a handler path; write handlers.<module>.<function>; for example "
            "handlers.daily_briefing.run, with no path separators and no leading underscores"
        ),
    ),
    (
        {"queue": "a b"},
        """queue: 'a b' is not a queue's name; use up to 128 letters, digits, "_", "." and "-\"""",
    ),
    ({"queue": "unacked"}, "queue: 'unacked' is a key of Celery; give the queue another name"),
    ({"name": "a\nb"}, "name: 'a\\nb' has a line break or control character; write a single line"),
    (
        {"after": [{"task": "briefing"}]},
        "after[0].task: 'briefing' is this task itself; a task cannot run after itself",
    ),
    ({"after": [{"task": "a"}, {"task": "a"}]}, "after[1].task: 'a' is listed twice"),
    # sizes
    (
        {"params": {"t": "x" * 300_001}},
        "params: 300,009 bytes as JSON; at most 256 KiB are allowed, so pass the path of a file instead",
    ),
    ({"tags": ["t"] * 101}, "tags: has 101 items; at most 100 are allowed"),
    ({"params": {"n": [0] * 200_000}}, "has more than 100,000 values; make it smaller"),
]

# The same for schedules, whose words are the schedules' own: the path, and words that must be there.
SCHEDULES: list[tuple[dict[str, Any], str, list[str]]] = [
    (
        {"type": "wekly", "time": "09:00"},
        "schedule.type",
        ["'wekly' is not one of daily, ", 'did you mean "weekly"?'],
    ),
    ({"time": "09:00"}, "schedule.type", ["is missing", "daily", "weekly", "monthly", "interval", "cron"]),
    ({"type": 5}, "schedule.type", ["5 is not one of"]),
    ({"type": "daily", "time": "25:00"}, "schedule.time", ["'25:00' is not a time"]),
    (DAILY | {"timezone": "Berlin"}, "schedule.timezone", ["'Berlin'", "Europe/Berlin"]),
    (DAILY | {"timezone": "Mars/Olympus"}, "schedule.timezone", ["'Mars/Olympus' is not a time zone"]),
    ({"type": "once", "at": "2026-02-30T09:00:00"}, "schedule.at", ["2026-02-30"]),
    ({"type": "once", "at": "30 February"}, "schedule.at", ["'30 February'"]),
    ({"type": "interval", "minutes": 0}, "schedule", ["minutes: 0"]),
    ({"type": "interval", "minutes": -5}, "schedule.minutes", ["-5 is too small; use 0 or more"]),
    (
        {"type": "interval", "minutes": float("nan")},
        "schedule.minutes",
        ["nan is not a finite number; write a finite one"],
    ),
    ({"type": "interval", "minutes": "30"}, "schedule.minutes", ["'30'", "write it without quotes"]),
    ({"type": "interval"}, "schedule", ["minutes"]),
    ({"type": "monthly", "days": [32], "time": "09:00"}, "schedule.days[0]", ["32", "1 to 31"]),
    (
        {"type": "cron", "expression": "0 0 31 2 *"},
        "schedule.expression",
        ["the day of month is '31'", "as far as its months"],
    ),
    ({"type": "cron", "expression": "61 * * * *"}, "schedule.expression", ["61"]),
    ({"type": "cron", "expression": "* " * 50_000}, "schedule.expression", ["100,000", "at most 256"]),
    (DAILY | {"exclude": [{"form": "x"}]}, "schedule.exclude[0].form", ['did you mean "from"?']),
    (DAILY | {"exclude": ["2026-12-25", "sonday"]}, "schedule.exclude[1]", ['did you mean "sunday"?']),
    (DAILY | {"dst": {"gap": "nxt"}}, "schedule.dst.gap", ['did you mean "next"?']),
    (DAILY | {"spread_seconds": -1}, "schedule.spread_seconds", ["-1 is too small; use 0 or more"]),
    (
        {"type": "any", "schedules": [DAILY, {"type": "daily", "time": "9h"}]},
        "schedule.schedules[1].time",
        ["'9h'"],
    ),
]


@pytest.mark.parametrize(
    ("change", "message"), WHOLE_MESSAGES, ids=[whole[:60] for _, whole in WHOLE_MESSAGES]
)
def test_bad_value_error_names_field_fault_and_remedy(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidTaskError) as caught:
        parse_task(GOOD | change)
    assert [str(problem) for problem in caught.value.problems] == [message]


@pytest.mark.parametrize(
    ("schedule", "path", "words"), SCHEDULES, ids=[repr(one)[:60] for one, _, _ in SCHEDULES]
)
def test_bad_schedule_error_has_the_path_its_author_wrote(
    schedule: dict[str, Any], path: str, words: list[str]
) -> None:
    with pytest.raises(InvalidTaskError) as caught:
        parse_task(GOOD | {"schedule": schedule})
    (problem,) = caught.value.problems
    assert problem.path == path
    assert all(word in problem.message for word in words), problem


@pytest.mark.parametrize("data", [None, "briefing", 5, [GOOD]])
def test_definition_that_is_not_an_object_is_refused(data: Any) -> None:
    with pytest.raises(InvalidTaskError, match="is not an object with the fields of a task"):
        parse_task(data)


@pytest.mark.parametrize("field", ["params", "schedule", "tags", "description", "metadata"])
def test_nesting_of_two_thousand_levels_is_refused_in_any_field(field: str) -> None:
    deep: dict[str, Any] = {"type": "any", "schedules": []}
    for _ in range(1_000):
        deep = {"type": "any", "schedules": [deep]}
    with pytest.raises(InvalidTaskError, match="nested more than 64 levels deep"):
        parse_task(GOOD | {field: deep})


@pytest.mark.parametrize(
    "data",
    [
        {"x" * 1_000_000: "y" * 1_000_000},
        GOOD | {f"unknown_{number}": number for number in range(50_000)},
        GOOD | {"id": "i" * 1_000_000, "name": "n" * 1_000_000, "handler": "h" * 1_000_000},
        GOOD | {"schedule": {"type": "t" * 1_000_000}},
        GOOD | {"tags": ["\n" * 1_000] * 100},
    ],
    ids=["a long key", "many unknown keys", "long values", "a long type", "many bad values"],
)
def test_error_about_huge_input_is_short_and_immediate(data: dict[str, Any]) -> None:
    started = time.process_time()
    with pytest.raises(InvalidTaskError) as caught:
        parse_task(data)
    assert time.process_time() - started < 5
    assert all(len(str(problem)) < 1_000 for problem in caught.value.problems)
    assert len(caught.value.problems) <= 201


def test_error_never_quotes_values_of_params() -> None:
    with pytest.raises(InvalidTaskError) as caught:
        parse_task(GOOD | {"params": {"password": {"hunter2"}}})
    assert "hunter2" not in str(caught.value)
