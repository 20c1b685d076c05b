from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from mission_control.errors import InvalidTaskError, Problem
from mission_control.model.problems.json_values import json_copy, plain_definition

if TYPE_CHECKING:
    from collections.abc import Mapping


def _nested(levels: int) -> dict[str, object]:
    data: dict[str, object] = {}
    for _ in range(levels):
        data = {"inside": data}
    return data


def problems(data: Mapping[str, object]) -> list[Problem]:
    with pytest.raises(InvalidTaskError) as caught:
        plain_definition(data)
    return list(caught.value.problems)


@pytest.mark.parametrize("levels", [65, 2_000, 100_000])
def test_deep_nesting_is_refused_without_recursion(levels: int) -> None:
    assert problems(_nested(levels)) == [Problem("", "is nested more than 64 levels deep; use fewer levels")]


def test_value_that_contains_itself_is_refused() -> None:
    data: dict[str, object] = {}
    data["self"] = data
    assert "nested" in problems(data)[0].message


def test_value_shared_many_times_over_is_refused_in_bounded_time() -> None:
    shared: list[object] = []
    for _ in range(40):
        shared = [shared, shared]
    assert "more than 100,000 values" in problems({"params": shared})[0].message


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (2**63, "more than 64 bits"),
        (10**5_000, "more than 64 bits"),
        ("\ud800", "not valid Unicode"),
        ({1: "a"}, "key that is not valid text"),
        ({"\udcff": "a"}, "key that is not valid text"),
    ],
    ids=["65 bits", "5,001 digits", "half a surrogate pair", "a number as key", "a broken key"],
)
def test_value_outside_json_is_found_at_any_depth(value: object, words: str) -> None:
    (problem,) = problems({"params": {"list": [0, value]}})
    assert problem.path == "params.list[1]"
    assert words in problem.message


def test_unprintable_and_long_keys_are_quoted_in_paths() -> None:
    (problem,) = problems({"a\nb": 2**64})
    assert problem.path == "'a\\nb'"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), b"x", {1}, object()])
def test_params_outside_json_are_refused_with_their_place(value: object) -> None:
    with pytest.raises(InvalidTaskError) as caught:
        json_copy({"cities": ["Berlin", value]})
    assert [problem.path for problem in caught.value.problems] == ["cities[1]"]


def test_params_in_tuples_and_other_mappings_become_json() -> None:
    assert json_copy(MappingProxyType({"pair": (1, MappingProxyType({"a": ()}))})) == {"pair": [1, {"a": []}]}


def test_params_beyond_the_size_limit_are_refused() -> None:
    with pytest.raises(InvalidTaskError, match="300,009 bytes as JSON; at most 256 KiB"):
        json_copy({"t": "x" * 300_001})


def test_params_are_copied_so_that_callers_cannot_change_them() -> None:
    cities = ["Berlin"]
    copy = json_copy({"cities": cities})
    cities.append("Paris")
    assert copy == {"cities": ["Berlin"]}
