from __future__ import annotations

from typing import Any

import pytest

from mission_control.audit.record.difference import difference


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": {"from": 1, "to": 2}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a.c": {"from": 2, "to": 3}}),
        (None, {"a": 1}, {"a": {"from": None, "to": 1}}),
        ({"a": 1}, None, {"a": {"from": 1, "to": None}}),
        ({"a": None}, {}, {}),
        ({"a": [1, 2]}, {"a": [1]}, {"a": {"from": [1, 2], "to": [1]}}),
        ({"a": 1}, {"a": True}, {"a": {"from": 1, "to": True}}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"from": 1, "to": None}, "a.b": {"from": None, "to": 1}}),
        ({"a.b": 1}, {"a": {"b": 1}}, {'"a.b"': {"from": 1, "to": None}, "a.b": {"from": None, "to": 1}}),
    ],
)
def test_difference_names_each_changed_field_with_both_values(
    before: dict[str, Any] | None, after: dict[str, Any] | None, expected: dict[str, Any]
) -> None:
    assert difference(before, after) == expected


def test_changed_secret_shows_as_changed_with_both_values_masked() -> None:
    changed = difference({"params": {"api_key": "old"}}, {"params": {"api_key": "new"}})

    assert changed == {"params.api_key": {"from": "***", "to": "***"}}


def test_marked_param_and_reference_are_masked_wherever_they_stand() -> None:
    before = {"params": {"doors": [{"code": "1"}], "name": "a"}, "secret": ["code"]}
    after = {"params": {"doors": [{"code": "2"}], "name": "b", "key": {"secret": "env:K"}}, "secret": []}

    assert difference(before, after) == {
        "params.doors": {"from": [{"code": "***"}], "to": [{"code": "***"}]},
        "params.name": {"from": "a", "to": "b"},
        "params.key.secret": {"from": None, "to": "***"},
        "secret": {"from": ["code"], "to": []},
    }


def test_values_nested_below_a_secret_are_masked() -> None:
    changed = difference({}, {"params": {"credentials": {"user": "u", "door": "1234"}}})

    assert [values["to"] for values in changed.values()] == ["***", "***"]


def test_change_of_a_thousand_fields_is_cut_and_counts_the_rest() -> None:
    changed = difference({}, {str(number): number for number in range(1_000)})

    assert len(changed) == 257
    assert changed["…"] == {"from": None, "to": "744 more fields"}
