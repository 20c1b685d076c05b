"""The language of filters: what it takes, and where it says that something is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mission_control.errors import InvalidFilterError
from mission_control.model.filters.completion import completions
from mission_control.model.filters.filter_fields import Subject, fields_of
from mission_control.model.filters.grammar import MOST_CHARACTERS, parse_filter
from mission_control.model.runs.run_state import RunState
from mission_control.operate.filters import Filter, run_facts, task_facts
from tests.samples.ledger_runs import NOW, a_run

if TYPE_CHECKING:
    from mission_control.model.filters.query import Query

ZONE = ZoneInfo("Europe/Berlin")
SUBJECTS = get_args(Subject)
RUN = a_run(
    "briefing@1",
    task_id="briefing",
    queue="slow",
    handler="handlers.brief.run",
    state=RunState.TIMED_OUT,
    scheduled_time=NOW,
    started_at=NOW + timedelta(minutes=6),
    finished_at=NOW + timedelta(minutes=8),
    duration_ms=120_000,
    attempt=2,
    error="ConnectError: Timeout of upstream [1]",
    cause={"class": "upstream"},
)
TASKS = {"briefing": {"tag": ["hot", "daily"], "owner": ["ada"]}}

TAKEN = [
    "",
    "  ",
    "state:failed",
    "STATE:Failed",
    "status:success,timed_out",
    "task:brief*",
    "task:bri…",
    "-queue:quick,medium",
    "late>5m late<=6m",
    "late>=360s took>1m59s",
    "since:24h",
    "until:now",
    "error:timeout",
    'error:"timeout of"',
    'error:"[1]"',
    "cause:upstream trigger:schedule",
    "attempt:2 attempt>1",
    "tag:hot,cold tag:daily owner:a?a",
    "brief -milk",
    '-"no such words"',
    "run:*@1 handler:handlers.*",
]
LEFT = [
    "state:success",
    "-state:failed",
    "task:Brief*",
    "task:brief",
    "queue:[s]low",
    "late>6m",
    "took<1m",
    "since:now",
    "until:24h",
    "error:timeout error:milk",
    "tag:hot tag:cold",
    "-owner:ada",
    "worker:*",
    "milk",
]
REFUSED = {
    "state:faild": (6, "'faild' is no state; did you mean \"failed\"?"),
    "stat:failed": (0, "a run has no field 'stat'; did you mean \"state\"?"),
    "task:tea state:": (15, "here it ends; expected is one of active, cancelled"),
    "state:failed,": (13, "expected is one of active"),
    "task:a,,b": (7, "here is ','; expected is a name, in which * stands for anything"),
    "-": (1, "expected is a field such as state: or a word to look for"),
    "- task:a": (1, "here is ' '"),
    'a"b': (1, "expected is a space"),
    'error:"time': (6, "this quotation mark is not closed"),
    '"time': (0, "this quotation mark is not closed"),
    "late:5m": (4, "late is compared with > >= < <= and a duration"),
    "state>failed": (5, "state is compared with : and one of"),
    "late>5": (5, 'has no unit; write "5s"'),
    "since:tomorow": (6, "is not a moment"),
    "attempt>two": (8, "'two' is not a whole number"),
    "failures>3": (0, "a run has no field 'failures'"),
    "task:a -cause:upstrem b": (14, 'did you mean "upstream"?'),
    "x" * (MOST_CHARACTERS + 1): (MOST_CHARACTERS, "at most 4,000 characters, this one 4,001"),
    "x" * 1_048_576: (MOST_CHARACTERS, "this one 1,048,576"),
}
KNOWN = {"queue": ["slow", "two words"], "task": ["tea"]}
COMPLETED = {
    "sta": ["state:"],
    "-la": ["-late<", "-late<=", "-late>", "-late>="],
    "state:f": ["state:failed", "state:failure"],
    "task:a state:success,f": ["task:a state:success,failed", "task:a state:success,failure"],
    "-queue:": ['-queue:"two words"', "-queue:slow"],
    'queue:"tw': ['queue:"two words"'],
    "task:a que": ["task:a queue:"],
    "late>": [],
    "stat:f": [],
    'a"b sta': [],
}


def query_of(text: str, subject: Subject = "run") -> Query:
    return parse_filter(text, subject, now=NOW + timedelta(hours=1), zone=ZONE)


def is_taken(text: str) -> bool:
    return Filter(query_of(text), NOW).takes_run(RUN, TASKS)


def test_filter_takes_runs_of_which_all_terms_hold() -> None:
    assert [text for text in TAKEN if not is_taken(text)] == []
    assert [text for text in LEFT if is_taken(text)] == []


def test_waiting_run_is_late_by_now_and_active_now() -> None:
    run = a_run("tea@1", scheduled_time=NOW, state=RunState.DISPATCHED)
    late = Filter(query_of("late>9m state:waiting since:2h"), NOW + timedelta(minutes=10))
    assert late.takes_run(run, {})
    assert run_facts(a_run("tea@2", state=RunState.SKIPPED), NOW)["late"] is None


@pytest.mark.parametrize(("text", "expected"), REFUSED.items(), ids=lambda one: str(one)[:20])
def test_wrong_filter_is_refused_at_its_character(text: str, expected: tuple[int, str]) -> None:
    with pytest.raises(InvalidFilterError) as refused:
        query_of(text)
    assert refused.value.position == expected[0]
    assert expected[1] in refused.value.problem
    assert len(str(refused.value)) < 600


def test_refusal_marks_the_place_of_a_long_filter() -> None:
    with pytest.raises(InvalidFilterError) as refused:
        query_of(f"{'task:a ' * 20}state:faild\x1b")
    _, shown, mark = str(refused.value).split("\n")
    assert shown[mark.index("^") :].startswith("faild ")
    assert "\x1b" not in shown


def test_moments_without_an_offset_are_in_the_zone_that_is_given() -> None:
    (term,) = query_of("since:2026-01-05T09:00").terms
    assert term.values == (datetime(2026, 1, 5, 8, tzinfo=UTC),)


def test_filter_is_completed_from_its_grammar() -> None:
    assert {
        text: completions(text, "run", lambda name: KNOWN.get(name, [])) for text in COMPLETED
    } == COMPLETED
    assert completions("x" * 1_048_576, "run", lambda _: []) == []


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_completion_of_a_field_and_its_values_is_accepted(subject: Subject) -> None:
    begun = completions("", subject, lambda _: [])
    assert {one.rstrip(":<>=") for one in begun} == {one.name for one in fields_of(subject).values()}
    for text in begun:
        for whole in completions(text, subject, lambda _: ["a b", 'c"\\']):
            assert query_of(whole, subject)


def test_every_field_has_a_fact() -> None:
    shown = {"id": "tea", "execution_history": {"last_run": None, "failure_count": 0}}
    facts = {"run": {**run_facts(RUN, NOW), "tag": (), "owner": ()}, "task": task_facts(shown, "enabled")}
    for subject in SUBJECTS:
        asked = {one.name for one in fields_of(subject).values() if one.kind != "moment"}
        assert asked | {"at"} == set(facts[subject])


@given(some.text(max_size=60), some.sampled_from(SUBJECTS))
def test_any_text_is_read_or_refused_at_a_character_of_it(text: str, subject: Subject) -> None:
    position = 0
    try:
        query_of(text, subject)
    except InvalidFilterError as error:
        position = error.position
    assert 0 <= position <= len(text)
    assert isinstance(completions(text, subject, lambda _: ["a"]), list)
