"""Budgets as they are written down: what is refused, and how it is said."""

from __future__ import annotations

from typing import Any

import pytest

from mission_control.errors import InvalidBudgetError, InvalidTaskError
from mission_control.files.task_file import parse_section
from mission_control.model.definitions.named_budget import Budget, BudgetUse, budget_problems
from mission_control.model.definitions.named_resource import parse_resource
from mission_control.model.definitions.task import parse_task

RESEARCH = {"agent:research": Budget(name="agent:research", usd="5/d", tokens="1M/d")}
TASK = {"id": "a", "schedule": {"type": "daily", "time": "09:00"}, "handler": "handlers.hello.run"}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, 'give it usd, tokens or runs, such as "5/d"'),
        ({"usd": "0/d"}, "usd: '0/d' is not more than 0 and up to 1,000,000 usd"),
        ({"usd": "0.0/d"}, "usd: '0.0/d' is not more than 0"),
        ({"usd": "-5/d"}, "usd: '-5/d' is no budget; write an amount in a time, such as"),
        ({"usd": "nan/d"}, "usd: 'nan/d' is no budget"),
        ({"usd": f"{10**99}/d"}, "is no budget; write an amount in a time"),
        ({"usd": "1e3/d"}, "usd: '1e3/d' is no budget"),
        ({"usd": "5/fortnight"}, "usd: '5/fortnight' is no budget"),
        ({"usd": "5"}, "usd: '5' is no budget"),
        ({"usd": 5}, "usd: 5 is not text"),
        ({"usd": "5/0d"}, "usd: '5/0d' has a window that is not between 1 s and 366 d"),
        ({"usd": "5/400d"}, "usd: '5/400d' has a window"),
        ({"usd": "2M/d"}, "usd: '2M/d' is not more than 0 and up to 1,000,000 usd"),
        ({"tokens": "1.5/d"}, "tokens: '1.5/d' is no whole number of tokens"),
        ({"tokens": "2000G/d"}, "tokens: '2000G/d' is not more than 0 and up to 1,000,000,000,000 tokens"),
        ({"runs": "1001k/h"}, "runs: '1001k/h' is not more than 0"),
        ({"eur": "5/d"}, "eur: unknown key; known here: name, usd, tokens, runs"),
        ({"usd": "5/d", "name": "a b"}, "name: 'a b' is no name of a budget"),
        ({"usd": "5/d", "name": ":a"}, "name: ':a' is no name of a budget"),
        ({"usd": "5/d", "name": 7}, "name: 7 is not text"),
    ],
    ids=repr,
)
def test_budget_that_means_nothing_is_refused_with_its_field_and_value(
    fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidBudgetError) as refused:
        parse_resource(Budget, {"name": "agent:research", **fields})
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("unit", "text", "cap"),
    [
        ("usd", "5/d", (5_000_000_000, 86_400)),
        ("usd", "0.000000001/30d", (1, 2_592_000)),
        ("tokens", "1M/d", (1_000_000, 86_400)),
        ("tokens", "1.5k/12h", (1_500, 43_200)),
        ("runs", "200/h", (200, 3_600)),
        ("runs", "3/10s", (3, 10)),
    ],
)
def test_cap_is_an_amount_in_a_window(unit: str, text: str, cap: tuple[int, int]) -> None:
    budget = parse_resource(Budget, {"name": "agent:research", unit: text})
    assert budget.caps == {unit: cap}
    assert Budget.read(budget.stored()) == budget


def test_budgets_of_a_file_are_all_checked_and_named_by_their_place() -> None:
    good = {"name": "a", "usd": "1/d"}
    with pytest.raises(InvalidBudgetError) as refused:
        parse_section("budgets", [good, {"name": "b"}, good, 3], source="tasks.json")
    assert [problem.path for problem in refused.value.problems] == [
        "budgets[1]",
        "budgets[2].name",
        "budgets[3]",
    ]


@pytest.mark.parametrize(
    ("use", "problem"),
    [
        ("agent:reserch", "budgets[0]: 'agent:reserch' is no budget; did you mean \"agent:research\"?"),
        ("zzz", "budgets[0]: 'zzz' is no budget; set it with `mission-control budget set`"),
        (
            {"name": "agent:research", "usd": 6},
            "budgets[0].usd: 6 is more than budget agent:research has, 5/d",
        ),
        ({"name": "agent:research", "tokens": 2_000_000}, "budgets[0].tokens: 2000000 is more than budget"),
    ],
)
def test_use_of_a_budget_that_cannot_be_is_named(use: object, problem: str) -> None:
    (found,) = budget_problems([BudgetUse.model_validate(use)], RESEARCH)
    assert str(found).startswith(problem)


def test_use_of_a_budget_twice_is_named() -> None:
    uses = parse_task({**TASK, "budgets": ["agent:research", "agent:research"]}).budgets
    assert [problem.path for problem in budget_problems(uses, RESEARCH)] == ["budgets[1]"]


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        ({"usd": -1}, "budgets[0].usd: -1 is too small; use 0 or more"),
        ({"usd": float("nan")}, "budgets[0].usd: nan"),
        ({"usd": "1"}, "budgets[0].usd: '1' is not a number"),
        ({"usd": True}, "budgets[0].usd: true is not a number"),
        ({"tokens": 1.5}, "budgets[0].tokens: 1.5 is not a whole number"),
        ({"tokens": 10**99}, "budgets[0].tokens: "),
    ],
    ids=repr,
)
def test_expectation_that_is_no_amount_is_refused(expected: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidTaskError) as refused:
        parse_task({**TASK, "budgets": [{"name": "agent:research", **expected}]})
    assert problem in str(refused.value)


def test_task_with_budgets_is_written_as_it_was_given() -> None:
    given = ["agent:research", {"name": "b", "usd": 0.25, "tokens": 0}]
    written = parse_task({**TASK, "budgets": given}).to_dict()
    assert written["budgets"] == given
    assert parse_task(written).to_dict() == written
    assert "budgets" not in parse_task(TASK).to_dict()
