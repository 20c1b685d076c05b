"""The policy of grants at its limits: the last value that is granted, and the first that is not."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.grants import Allow, Ask, Change, Refuse, Usage, bounded, decide_grant
from tests.samples.grants import a_grant, wanted
from tests.samples.ledger_runs import NOW
from tests.unit.model.policies.test_grants import NONE, put, task


@pytest.mark.parametrize(("most", "answer"), [("24/d", Allow), ("23/d", Ask)])
def test_threshold_itself_needs_no_approval(most: str, answer: type[Allow | Ask]) -> None:
    assert type(decide_grant(a_grant(approve_above=most), put(task("a")), NONE, NOW)) is answer


@pytest.mark.parametrize(
    ("after", "answer"), [("every 2h", Allow), ("every 1h", Allow), ("every 59m", Ask), ("every 20m", Ask)]
)
def test_change_above_the_threshold_is_asked_for_if_it_makes_more_of_all_tasks(
    after: str, answer: type[Allow | Ask]
) -> None:
    before, other = task("a", owner="grant:agent"), task("b", "every 10m", owner="grant:agent")
    usage, grant = Usage({"a": before, "b": other}), a_grant(approve_above="30/d")
    assert type(decide_grant(grant, put(task("a", after), before), usage, NOW)) is answer


def test_own_budget_is_kept_as_it_is_given_and_no_other_is_granted_next_to_it() -> None:
    own, other = {"name": "grant:agent", "usd": 0.5}, {"name": "mail"}
    grant = a_grant(runs="9/d")
    assert bounded(grant, task("a", budgets=[own]), NOW)["budgets"] == [own]
    refused = decide_grant(grant, put(task("a", budgets=[own, other])), NONE, NOW)
    assert refused == Refuse(("budgets: is not granted; leave it out",))


@pytest.mark.parametrize(
    ("condition", "reasons"),
    [
        ("handlers.hello.run", ()),
        ("workday", ()),
        ("handlers.other.is_open", ("condition: handlers.other.is_open is not granted",)),
    ],
)
def test_condition_of_a_handler_needs_its_grant(condition: str, reasons: tuple[str, ...]) -> None:
    found = decide_grant(a_grant(), put(task("a", condition=condition)), NONE, NOW)
    assert found == (Refuse(reasons) if reasons else Allow())


@pytest.mark.parametrize(("schedule", "answer"), [("every 300s", Allow), ("every 299s", Refuse)])
def test_least_interval_itself_is_granted(schedule: str, answer: type[Allow | Refuse]) -> None:
    assert type(decide_grant(a_grant(), put(task("a", schedule)), NONE, NOW)) is answer


@pytest.mark.parametrize(("at", "answer"), [(0, Allow), (1, Refuse), (-604_801, Refuse)])
def test_task_must_be_due_by_the_moment_when_it_expires(at: int, answer: type[Allow | Refuse]) -> None:
    moment = a_grant().task_end(NOW) + timedelta(seconds=at)
    once = {"type": "once", "at": moment.isoformat()}
    change = Change("apply", "a", TaskDefinition.model_validate(wanted("a", once)))
    found = decide_grant(a_grant(), change, NONE, NOW)
    assert type(found) is answer
    assert isinstance(found, Allow) or "not due before" in found.reasons[0]


def test_end_at_the_moment_when_a_task_expires_is_kept_as_it_is_spelled() -> None:
    grant = a_grant()
    end = grant.task_end(NOW).astimezone(timezone(timedelta(hours=1))).isoformat()
    one = task("a", {"type": "interval", "hours": 1, "end": end})
    assert bounded(grant, one, NOW)["schedule"]["end"] == one.to_dict()["schedule"]["end"] == end
