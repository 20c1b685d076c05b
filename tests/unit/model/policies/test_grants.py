from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mission_control.errors import InvalidGrantError
from mission_control.model.definitions.grant import TOOLS, Grant
from mission_control.model.definitions.named_resource import parse_resource
from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.model.policies.grant_needs import runs_a_day
from mission_control.model.policies.grants import (
    MOST_RETRIES,
    Allow,
    Ask,
    Change,
    Refuse,
    Usage,
    as_given,
    bounded,
    decide_grant,
    reaching_out,
)
from tests.samples.grants import a_grant, wanted
from tests.samples.ledger_runs import NOW

NONE = Usage({})


def task(task_id: str, schedule: Any = "every 1h", **more: Any) -> TaskDefinition:
    return parse_task(wanted(task_id, schedule, **more), now=NOW)


def put(one: TaskDefinition, before: TaskDefinition | None = None) -> Change:
    return Change("apply", one.id, one, before)


def test_quota_counts_others_and_not_the_task_itself() -> None:
    grant, own = a_grant(max_tasks=1), task("a", owner="grant:agent")
    full = Usage({"a": own})
    assert decide_grant(grant, put(task("a", "every 2h"), own), full, NOW) == Allow()
    refused = decide_grant(grant, put(task("b")), full, NOW)
    assert isinstance(refused, Refuse)
    assert "quota of 1 tasks is used up" in refused.reasons[0]
    assert decide_grant(grant, put(task("b")), Usage({}, expired={"a"}), NOW) == Allow()


def test_every_reason_is_given_at_once() -> None:
    one = task("a", "every 1m", queue="mail", priority=3, params={"x": {"secret": "env:X"}})
    refused = decide_grant(a_grant(handlers=["handlers.other.*"], max_tasks=0), put(one), NONE, NOW)
    assert isinstance(refused, Refuse)
    assert sorted(reason.partition(" ")[0] for reason in refused.reasons) == [
        "handler:", "priority:", "queue:", "schedule:", "the"
    ]  # fmt: skip


def test_interval_counts_until_the_task_expires_however_late_it_gets_short() -> None:
    sparse_first = {
        "type": "any",
        "schedules": [
            {"type": "daily", "time": "00:00"},
            {"type": "interval", "minutes": 1, "start": "2026-03-06T00:00Z", "end": "2026-03-06T00:05Z"},
        ],
    }
    refused = decide_grant(a_grant(), put(task("a", sparse_first)), NONE, NOW)
    assert isinstance(refused, Refuse)
    assert "60 s apart" in refused.reasons[0]
    assert decide_grant(a_grant(expire_tasks="1d"), put(task("a", sparse_first)), NONE, NOW) == Allow()


def test_more_than_the_threshold_in_all_is_asked_for_and_less_is_not() -> None:
    grant, hourly = a_grant(approve_above="30/d"), task("a", owner="grant:agent")
    usage = Usage({"a": hourly})
    assert decide_grant(grant, put(task("b", "every 6h")), usage, NOW) == Allow()
    asked = decide_grant(grant, put(task("b", "every 2h")), usage, NOW)
    assert isinstance(asked, Ask)
    assert "36 times a day" in asked.reason
    chained = task("b", None, after=[{"task": "a"}])
    assert isinstance(decide_grant(grant, put(chained), usage, NOW), Ask)
    over = task("a", "every 10m", owner="grant:agent")  # allowed before: making it rarer needs nothing
    assert decide_grant(grant, put(task("a", "every 30m"), over), Usage({"a": over}), NOW) == Allow()
    assert isinstance(decide_grant(a_grant(approve_above="0/d"), put(task("c")), NONE, NOW), Ask)
    assert decide_grant(grant, Change("apply", "a", None, hourly), usage, NOW) == Allow()


def test_circle_of_tasks_is_counted_once() -> None:
    circle = {"a": task("a", None, after=[{"task": "b"}]), "b": task("b", None, after=[{"task": "a"}])}
    assert runs_a_day(circle, a_grant(), NOW) == {"a": 0, "b": 0}


def costing(task_id: str, schedule: str, usd: float | None) -> TaskDefinition:
    use = {"name": "grant:agent"} if usd is None else {"name": "grant:agent", "usd": usd}
    return task(task_id, schedule, owner="grant:agent", budgets=[use])


@pytest.mark.parametrize(
    ("declared", "costs", "is_asked"),
    [
        (0.1, {}, False),  # 12 runs a day: $1.20
        (0.2, {}, True),
        (0.1, {"b": 0.2}, True),  # what was measured counts if it is more
        (0.2, {"b": 0.01}, True),
        (None, {"b": 0.1}, False),
        (None, {}, True),  # nothing tells what a run spends
    ],
)
def test_dollars_above_the_threshold_are_asked_for(
    declared: float | None, costs: dict[str, float], is_asked: bool
) -> None:
    grant = a_grant(approve_above="2usd/d", usd="5/d")
    found = decide_grant(grant, put(costing("b", "every 2h", declared)), Usage({}, costs=costs), NOW)
    assert isinstance(found, Ask) is is_asked
    both = a_grant(approve_above="48/d,2usd/d", usd="5/d")
    assert decide_grant(both, put(costing("b", "every 2h", declared)), Usage({}, costs=costs), NOW) == found
    many = decide_grant(both, put(costing("b", "every 20m", 0)), NONE, NOW)
    assert isinstance(many, Ask)
    assert "72 times a day" in many.reason


def test_dollars_of_other_tasks_count_and_a_cheaper_change_needs_nothing() -> None:
    grant, dear = a_grant(approve_above="2usd/d", usd="5/d"), costing("a", "every 2h", 0.15)
    asked = decide_grant(grant, put(costing("b", "every 2h", 0.1)), Usage({"a": dear}), NOW)
    assert isinstance(asked, Ask)
    assert "about 3 dollars a day, and more than 2" in asked.reason
    over = costing("a", "every 2h", 0.5)
    assert decide_grant(grant, put(costing("a", "every 2h", 0.3), over), Usage({"a": over}), NOW) == Allow()


@pytest.mark.parametrize("tool", [one for one in TOOLS if one != "apply"])
def test_tool_that_is_not_granted_is_refused_and_so_is_all_after_the_expiry(tool: str) -> None:
    own = task("a", owner="grant:agent")
    change = Change(tool, "a", before=own)
    assert decide_grant(a_grant(), change, Usage({"a": own}), NOW) == Allow()
    assert isinstance(decide_grant(a_grant(tools=["apply"]), change, NONE, NOW), Refuse)
    assert isinstance(decide_grant(a_grant(), change, NONE, NOW + timedelta(days=30)), Refuse)
    assert isinstance(decide_grant(a_grant(), Change(tool, "a", before=task("a")), NONE, NOW), Refuse)


def test_expired_task_is_not_run_and_a_run_gets_no_secret() -> None:
    own = task("a", owner="grant:agent")
    assert isinstance(decide_grant(a_grant(), Change("run", "a", before=own), Usage({}, {"a"}), NOW), Refuse)
    secret = Change("run", "a", before=own, params={"deep": [{"secret": "file:/run/secrets/x"}]})
    assert isinstance(decide_grant(a_grant(), secret, Usage({"a": own}), NOW), Refuse)


def test_bounded_task_ends_no_later_than_it_expires_and_can_be_given_again() -> None:
    grant = a_grant(runs="9/d")
    end = grant.task_end(NOW)
    found = bounded(grant, task("a"), NOW)
    assert (found["owner"], found["budgets"], found["schedule"]["end"]) == (
        "grant:agent", ["grant:agent"], "2026-03-09T09:00:00Z"
    )  # fmt: skip
    assert as_given(found, end) == {
        name: one for name, one in task("a").to_dict().items() if name not in {"owner", "budgets"}
    }
    own_end = task("a", {"type": "interval", "hours": 1, "end": "2026-03-04"})
    assert bounded(grant, own_end, NOW)["schedule"]["end"] == "2026-03-04"
    assert as_given(bounded(grant, own_end, NOW), end)["schedule"]["end"] == "2026-03-04"


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "a b"), ("handlers", ["os.system"]), ("handlers", []), ("tools", ["lst"]), ("runs", "many"),
     ("usd", "0/d"), ("approve_above", "48"), ("approve_above", "2eur/d"), ("approve_above", "1/d,2/d"),
     ("approve_above", "1.5/d"), ("approve_above", ""), ("max_tasks", -1), ("min_interval", "0s"),
     ("expire_tasks", 0)],
)  # fmt: skip
def test_wrong_field_of_a_grant_is_named(field: str, value: object) -> None:
    given = {**a_grant().to_dict(), field: value}
    with pytest.raises(InvalidGrantError) as caught:
        parse_resource(Grant, given)
    assert [problem.path.partition("[")[0] for problem in caught.value.problems] == [field]


@pytest.mark.parametrize(
    ("definition", "found"),
    [
        ({"schedule": {"type": "daily", "time": "09:00", "exclude": [{"holidays": "DE"}]}}, []),
        ({"schedule": {"ics": "a.ics"}}, ["schedule: ics is not granted"]),
        (
            {"schedule": {"exclude": ["sat", {"ics": "a.ics"}], "type": "daily"}},
            ["schedule: ics is not granted"],
        ),
        (
            {"schedule": {"schedules": ({"ics": "a.ics"}, {"type": "daily"})}},
            ["schedule: ics is not granted"],
        ),
        ({"schedule": "ics", "condition": {"not": "file_changed"}}, []),
        ({"condition": {"file_changed": "a"}}, ["condition: file_changed is not granted"]),
        ({"condition": {"not": {"ics": "a.ics"}, "x": 1}}, ["condition: ics is not granted"]),
        ({"params": {"ics": "a.ics", "file_changed": "a"}}, []),
        ({"params": {"key": {"secret": "env:KEY"}}}, ["params: a reference to a secret is not granted"]),
    ],
)
def test_definition_names_what_it_reads_of_the_installation_at_any_depth(
    definition: dict[str, Any], found: list[str]
) -> None:
    assert list(reaching_out(definition)) == found


@pytest.mark.parametrize(("most", "answer"), [(MOST_RETRIES, Allow), (MOST_RETRIES + 1, Refuse)])
def test_as_many_retries_as_are_granted_may_be_asked_for(most: int, answer: type[Allow | Refuse]) -> None:
    change = put(task("a", retry_policy={"max_retries": most}))
    assert type(decide_grant(a_grant(), change, NONE, NOW)) is answer
