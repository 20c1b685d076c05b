"""What a definition asks for that this version does not do yet."""

from __future__ import annotations

from typing import Any

import pytest

from mission_control.model.definitions.task import parse_task
from mission_control.registry.unenforced import unenforced_fields

PLAIN: dict[str, Any] = {
    "id": "a",
    "schedule": {"type": "daily", "time": "09:00"},
    "handler": "handlers.hello.run",
}


def test_a_plain_task_asks_for_nothing_that_is_not_done() -> None:
    assert unenforced_fields(parse_task(PLAIN)) == []


def test_a_field_written_out_with_its_default_asks_for_nothing() -> None:
    assert unenforced_fields(parse_task(parse_task(PLAIN).to_dict())) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("overlap", "queue"),
        ("after", [{"task": "b"}]),
        ("condition", "handlers.conditions.on_workday"),
        ("pause_after_failures", 3),
        ("notify", {"on": ["missed"], "to": ["ops"]}),
    ],
)
def test_a_field_that_nothing_acts_on_yet_is_named(field: str, value: object) -> None:
    assert unenforced_fields(parse_task({**PLAIN, field: value})) == [field]
