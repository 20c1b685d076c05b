"""What a definition asks for that this version does not do yet."""

from __future__ import annotations

from typing import Any

import pytest

from mission_control.model.definitions.task import parse_task

PLAIN: dict[str, Any] = {
    "id": "a",
    "schedule": {"type": "daily", "time": "09:00"},
    "handler": "handlers.hello.run",
}


def test_plain_task_asks_for_nothing_that_is_not_done() -> None:
    assert parse_task(PLAIN).unenforced_fields() == []
    assert parse_task(parse_task(PLAIN).to_dict()).unenforced_fields() == []


def test_empty_value_asks_for_nothing() -> None:
    assert parse_task({**PLAIN, "after": [], "condition": None}).unenforced_fields() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("condition", "handlers.conditions.on_workday"),
    ],
)
def test_given_field_that_nothing_acts_on_is_named_and_written(field: str, value: object) -> None:
    task = parse_task({**PLAIN, field: value})
    assert task.unenforced_fields() == [field]
    assert field in task.to_dict()
    assert parse_task(task.to_dict()).to_dict() == task.to_dict()


def test_event_that_nothing_reports_is_named() -> None:
    task = parse_task({**PLAIN, "notify": {"on": ["failure", "late", "idle", "budget"]}})
    assert task.unenforced_fields() == ["notify.on: idle"]


def test_written_definition_claims_nothing_that_was_not_given() -> None:
    written = parse_task(PLAIN).to_dict()
    assert not written.keys() & {"after", "join", "condition", "pause_after_failures", "notify"}
