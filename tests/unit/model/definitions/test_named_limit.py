"""Named limits as they are written down: what is refused, and how it is said."""

from __future__ import annotations

from typing import Any

import pytest

from mission_control.errors import InvalidLimitError
from mission_control.files.task_file import parse_section
from mission_control.model.definitions.named_limit import NamedLimit, use_problems
from mission_control.model.definitions.named_resource import parse_resource

API = {"api": NamedLimit(name="api", concurrency=2, per="params.who.id")}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "give it a concurrency, a rate, or both"),
        ({"concurrency": 0}, "concurrency: 0 is too small; use 1 or more"),
        ({"concurrency": float("nan")}, "concurrency: nan is not a whole number"),
        ({"concurrency": 10**9}, "concurrency: 1000000000 is too large; use 1000000 or less"),
        ({"concurrency": True}, "concurrency: true is not a whole number"),
        ({"rate": "0/m"}, "rate: '0/m' is no rate; write how many in a time"),
        ({"rate": "1000000000/s"}, "rate: '1000000000/s' is no rate"),
        ({"rate": "1/0h"}, "rate: '1/0h' is no rate"),
        ({"rate": 30}, "rate: 30 is not text"),
        ({"rate": "1/s", "burst": 0}, "burst: 0 is too small"),
        ({"concurrency": 1, "burst": 2}, "burst: means nothing without a rate"),
        ({"rate": "1/s", "per": "customer"}, "per: 'customer' names no param"),
        ({"rate": "1/s", "pre": "params.a"}, 'pre: unknown key; did you mean "per"?'),
        ({"name": "a b", "rate": "1/s"}, "name: 'a b' is not an id: it has a space"),
    ],
    ids=repr,
)
def test_limit_that_means_nothing_is_refused_with_its_field_and_value(
    fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidLimitError) as refused:
        parse_resource(NamedLimit, {"name": "api", **fields})
    assert problem in str(refused.value)


@pytest.mark.parametrize(("rate", "seconds"), [("30/m", 2.0), ("5/10s", 2.0), ("1/2d", 172_800.0)])
def test_rate_is_a_number_of_runs_in_a_time(rate: str, seconds: float) -> None:
    assert parse_resource(NamedLimit, {"name": "api", "rate": rate}).interval == seconds


def test_limits_of_a_file_are_all_checked_and_named_by_their_place() -> None:
    good = {"name": "a", "concurrency": 1}
    with pytest.raises(InvalidLimitError) as refused:
        parse_section("limits", [good, {"name": "b"}, good, 3], source="tasks.json")
    assert [problem.path for problem in refused.value.problems] == [
        "limits[1]",
        "limits[2].name",
        "limits[3]",
    ]


@pytest.mark.parametrize(
    ("use", "params", "problem"),
    [
        (("apu", 1), {}, "limits[0]: 'apu' is no limit; did you mean \"api\"?"),
        (("zzz", 1), {}, "limits[0]: 'zzz' is no limit; set it with `mission-control limit set`"),
        (("api", 3), {}, "limits[0].weight: 3 is more than the 2 of limit api"),
        (("api", 1), {}, "params.who.id: is missing"),
        (("api", 1), {"who": "ada"}, "params.who.id: is missing"),
        (("api", 1), {"who": {"id": [1]}}, "params.who.id: a list is no text, number or boolean"),
        (("api", 1), {"who": {"id": "x" * 201}}, "params.who.id: has 201 characters, more than 200"),
    ],
)
def test_use_of_a_limit_that_cannot_be_is_named(
    use: tuple[str, int], params: dict[str, Any], problem: str
) -> None:
    (found,) = use_problems([use], API, params)
    assert str(found).startswith(problem)


def test_use_of_a_limit_twice_is_named_and_a_number_is_a_value() -> None:
    problems = use_problems([("api", 1), ("api", 1)], API, {"who": {"id": 0}})
    assert [problem.path for problem in problems] == ["limits[1]"]
