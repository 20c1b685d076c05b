"""The field `condition` of a definition: how it is written, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from mission_control.errors import InvalidTaskError
from mission_control.model.definitions.task import TaskDefinition, parse_task

PLAIN: dict[str, Any] = {
    "id": "a",
    "schedule": {"type": "daily", "time": "09:00"},
    "handler": "handlers.hello.run",
}


def parsed(condition: object) -> TaskDefinition:
    return parse_task({**PLAIN, "condition": condition})


def problem_of(condition: object) -> str:
    with pytest.raises(InvalidTaskError) as caught:
        parsed(condition)
    return "\n".join(map(str, caught.value.problems))


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("workday", "workday"),
        ({"workday": []}, "workday"),
        ({"workday": {"holidays": "DE-BY"}}, {"workday": {"holidays": "DE-BY"}}),
        ({"workday": ["2026-12-24"]}, {"workday": "2026-12-24"}),
        ({"previous_failed": True}, "previous_failed"),
        ("upstream_changed", "upstream_changed"),
        ({"window": "22:00-06:00"}, {"window": "22:00-06:00"}),
        ({"handler": "handlers.conditions.on_call"}, "handlers.conditions.on_call"),
        (
            {"file_changed": "/srv/orders.csv", "idle_times": 3, "idle_after": "2d"},
            {"file_changed": "/srv/orders.csv", "idle_times": 3, "idle_after": 172800},
        ),
    ],
)
def test_condition_is_written_in_its_shortest_form(given: object, written: object) -> None:
    task = parsed(given)
    assert task.to_dict()["condition"] == written
    assert parse_task(task.to_dict()) == task


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("workdays", "condition: 'workdays' is no condition; did you mean \"workday\"?; write handlers."),
        ("on_call", "condition: 'on_call' is no condition; write handlers.<module>.<function>, \"workday\""),
        ("conditions.on_call", 'is not a handler path; write handlers.<module>.<function>; did you mean "h'),
        (7, "condition: 7 is no condition; write handlers.<module>.<function>"),
        (["workday"], "condition: a list is no condition; write"),
        ({}, "condition: a condition has exactly one kind, but this has 0; write"),
        (
            {"window": "22:00-06:00", "previous_failed": True},
            "condition: a condition has exactly one kind, but this has 2",
        ),
        ({"windw": "22:00-06:00"}, 'condition.windw: unknown key; did you mean "window"?'),
        ({"window": "22-06"}, "condition.window: '22' is not a time of day; write \"HH:MM\""),
        ({"window": "22:00-22:00"}, "condition.window: '22:00-22:00' is no time or all; write two different"),
        ({"workday": {"holidays": "DE-XX"}}, "condition.workday.holidays: 'DE-XX' is not a part of DE"),
        ({"workday": ["sunday", {"holidays": "DE-XX"}]}, "condition.workday[1].holidays: 'DE-XX' is not a"),
        (
            {"file_changed": "orders.csv"},
            (
                "condition.file_changed: 'orders.csv' is not the whole path of a file: from \"/\" on, "
                'without ".."\n'
            ),
        ),
        ({"file_changed": "/srv/../etc/shadow"}, 'did you mean "/etc/shadow"?'),
        ({"file_changed": "/srv/a\nb"}, "has a line break or control character"),
        ({"previous_failed": False}, "condition.previous_failed: false is not one of"),
        ({"window": "22:00-06:00", "idle_times": 0}, "condition.idle_times: 0 is too small; use 1 or more"),
    ],
)
def test_condition_that_cannot_be_used_is_refused_with_a_valid_form(given: object, problem: str) -> None:
    assert problem in f"{problem_of(given)}\n"


def test_written_definition_has_no_field_that_few_tasks_have_unless_it_was_given() -> None:
    written = parse_task(PLAIN).to_dict()
    assert not written.keys() & {"after", "join", "condition", "pause_after_failures", "notify"}
