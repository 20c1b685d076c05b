"""Which ends of runs are noted, for whom, and which incidents become one message; without Redis."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.model.definitions.task_parts import Notify
from mission_control.model.policies.incidents import QUIET, Incident, News, due_groups, opened
from mission_control.model.policies.misfire import Fire, Skip
from mission_control.model.policies.notices import (
    EndNotice,
    Noted,
    Notice,
    budget_notices,
    end_notice,
    late_notices,
    pause_notices,
    script_args,
    unfired_notices,
)
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.run_state import RunState
from tests.samples.ledger_runs import a_run

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def noted(
    state: RunState, notify: dict[str, Any] | None, *, has_default: bool = False, text: str | None = "no"
) -> EndNotice | None:
    run = a_run(revision=1, notify=notify)
    return end_notice(run, state, text=text, at=NINE, has_default=has_default)


def wants(*events: str, **more: Any) -> dict[str, Any]:
    return Notify(on=events, **more).model_dump(mode="json")


@pytest.mark.parametrize(
    ("state", "notify", "has_default", "expected"),
    [
        (RunState.FAILURE, None, True, ("failure", Noted.OPENS)),
        (RunState.FAILURE, None, False, None),
        (RunState.FAILURE, wants("failure"), False, ("failure", Noted.OPENS)),
        (RunState.FAILURE, wants("missed"), True, None),
        (RunState.FAILURE, wants("failure", to=()), True, None),
        (RunState.LOST, wants("failure"), False, ("failure", Noted.OPENS)),
        (RunState.EXPIRED, wants("missed"), False, ("missed", Noted.OPENS)),
        (RunState.CANCELLED, wants("failure", "missed", "skipped", "success"), True, None),
        (RunState.SUCCESS, wants("failure"), False, ("success", Noted.CLOSES)),
        (RunState.SUCCESS, wants("success", "failure"), False, ("success", Noted.TELLS)),
        (RunState.SUCCESS, wants("paused"), True, None),
        (RunState.SUCCESS, None, True, ("success", Noted.CLOSES)),
    ],
)
def test_end_of_a_run_is_noted_for_those_who_ask(
    state: RunState,
    notify: dict[str, Any] | None,
    has_default: bool,
    expected: tuple[str, Noted] | None,
) -> None:
    found = noted(state, notify, has_default=has_default)
    assert (None if found is None else (found.notice.event, found.noted)) == expected


def test_notice_says_what_the_run_said_and_what_the_task_asks_for() -> None:
    found = noted(RunState.FAILURE, wants("failure"), text="refused at 10.0.0.7")
    assert found is not None
    assert (found.notice.text, found.notice.cause) == ("refused at 10.0.0.7", "refused at #")
    assert json.loads(found.notice.notify)["on"] == ["failure"]
    silent = noted(RunState.EXPIRED, wants("missed"), text=None)
    assert silent is not None
    assert (silent.notice.text, silent.notice.cause) == ("", "missed")
    default = noted(RunState.FAILURE, None, has_default=True)
    assert default is not None
    assert default.notice.notify == ""
    text, word = script_args(found)
    assert (json.loads(text)["event"], word) == ("failure", "opens")
    assert script_args(None) == ["", ""]


def test_run_of_no_task_is_not_noted() -> None:
    run = a_run(notify=wants("failure"))
    assert end_notice(run, RunState.FAILURE, text="no", at=NINE, has_default=True) is None


def task(notify: dict[str, Any], **fields: Any) -> TaskDefinition:
    base = {"id": "a", "handler": "handlers.x.run", "schedule": None}
    return parse_task({**base, "notify": notify, **fields})


@pytest.mark.parametrize(
    ("cause", "states"),
    [
        (None, ",missed,skipped,"),
        (Cause("overlap"), ",missed,skipped,"),
        (Cause("paused"), ",missed,"),
        (Cause("upstream", run="b@1", outcome="failure"), ",missed,skipped,"),
        (Cause("upstream", run="b@1", outcome="success"), ",missed,"),  # an edge that is not taken
    ],
)
def test_occurrences_that_do_not_run_are_noted_unless_that_is_as_it_should_be(
    cause: Cause | None, states: str
) -> None:
    action = Fire(NINE) if cause is None else Skip(NINE, "no", cause)
    (found,) = unfired_notices(task({"on": ["missed", "skipped"]}), "a", action)
    assert found[2] == states
    assert unfired_notices(task({"on": ["failure"]}), "a", action) == []
    assert unfired_notices(task({"on": ["missed"], "to": []}), "a", action) == []


def test_pause_is_noted_for_the_tasks_that_ask() -> None:
    tasks = [("a", wants("paused")), ("b", wants("failure")), ("c", None), ("d", wants("paused", to=()))]
    found = pause_notices(tasks, cause="all", text="x" * 900, at=NINE)
    assert [(one.task, len(one.text)) for one in found] == [("a", 500)]


@pytest.mark.parametrize(
    ("notify", "reported"), [(wants("late"), 1), (wants("failure"), 0), (wants("late", to=()), 0), (None, 0)]
)
def test_passed_deadline_is_noted_for_those_who_ask(notify: dict[str, Any] | None, reported: int) -> None:
    run = a_run(revision=1, notify=notify, deadline={"start_within": 300.0})
    found = late_notices(run, ["start_within"], at=NINE)
    assert [one.cause for one in found] == ["start_within"] * reported
    assert late_notices(a_run(revision=1, notify=notify), ["start_within"], at=NINE) == []


def test_notice_of_a_budget_is_that_of_its_tasks_that_ask() -> None:
    notice = Notice(event="budget", task="llm", at=NINE, text="80 %", cause="llm")
    wanted = {"on": ["budget"]}
    tasks = [
        task(wanted, id="a", budgets=["llm"]),
        task(wanted, id="b", budgets=["other"]),
        task({"on": ["failure"]}, id="c", budgets=["llm"]),
        task({**wanted, "to": []}, id="d", budgets=["llm"]),
    ]
    assert [one.task for one in budget_notices(notice, tasks)] == ["a"]


def incident(name: str, cause: str = "down", at: datetime = NINE, **changes: Any) -> Incident:
    notify = {"on": ("failure", "recovery"), **changes.pop("notify", {})}
    made = opened(Notice(event="failure", task=name, at=at, cause=cause), Notify(**notify))
    return Incident(**{name: getattr(made, name) for name in made.__struct_fields__} | changes)


def grouped(*incidents: Incident, now: datetime = NINE) -> list[tuple[str, ...]]:
    return [tuple(one.task for one in group.incidents) for group in due_groups(incidents, now)]


REPORTED: dict[str, Any] = {"unreported": None, "unreported_since": None, "reported_at": NINE}


def test_failures_of_one_cause_to_the_same_channels_are_one_message() -> None:
    other = incident("d", notify={"to": ("ops",)})
    found = grouped(incident("a"), incident("b"), incident("c", "disk full"), other)
    assert found == [("a", "b"), ("c",), ("d",)]
    assert due_groups([incident("a")], NINE)[0].to == ("default",)
    assert due_groups([incident("a")], NINE)[0].news == (News.NEW,)
    assert grouped(incident("a", **REPORTED)) == []


def test_tasks_that_join_a_reported_outage_wait_for_more_and_a_changed_cause_joins_them() -> None:
    known, late = incident("a", **REPORTED), incident("b", at=NINE + SECOND)
    changed = incident("c", at=NINE + SECOND, **{**REPORTED, "unreported": News.CHANGED})
    assert grouped(known, late, changed, now=NINE + QUIET - SECOND) == []
    assert grouped(known, late, changed, now=NINE + QUIET) == [("b", "c")]
    long_ago = incident("z", **{**REPORTED, "reported_at": NINE - HOUR})
    assert grouped(long_ago, known, late, now=NINE + QUIET - SECOND) == []


def test_end_of_an_outage_is_reported_once_all_have_recovered_or_after_a_while() -> None:
    over: dict[str, Any] = {
        "unreported": News.RECOVERED,
        "unreported_since": NINE,
        "reported_at": NINE,
        "is_over": True,
    }
    first, second = incident("a", **over), incident("b", **{**over, "unreported_since": NINE + 60 * SECOND})
    assert grouped(first, second) == [("a", "b")]
    assert grouped(first, second, incident("c", **REPORTED), now=NINE + QUIET - SECOND) == []
    assert grouped(first, second, incident("c", **REPORTED), now=NINE + QUIET) == [("a", "b")]


def test_digest_has_all_causes_and_counts_from_the_first() -> None:
    digest: dict[str, Any] = {"notify": {"digest": "1h"}}
    first, second = incident("a", **digest), incident("b", "disk full", NINE + 1_800 * SECOND, **digest)
    assert grouped(first, second, now=NINE + HOUR - SECOND) == []
    assert grouped(first, second, now=NINE + HOUR) == [("a", "b")]


def test_reminders_come_when_due_and_count_for_a_digest_from_then() -> None:
    often: dict[str, Any] = {"notify": {"remind_every": "1h"}, **REPORTED}
    assert grouped(incident("a", **often), now=NINE + HOUR - SECOND) == []
    assert due_groups([incident("a", **often)], NINE + HOUR)[0].news == (News.REMINDED,)
    both: dict[str, Any] = {"notify": {"remind_every": "1h", "digest": "1h"}, **REPORTED}
    assert grouped(incident("a", **both), now=NINE + 2 * HOUR - SECOND) == []
    assert grouped(incident("a", **both), now=NINE + 2 * HOUR) == [("a",)]
