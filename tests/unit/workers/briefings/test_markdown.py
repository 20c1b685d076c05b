from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import pytest

from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from workers.briefings.agenda import AgendaEntry, Note
from workers.briefings.markdown import LONGEST_LINE, Page, code, plain, render
from workers.briefings.task_runs import TaskRuns, by_task

AT = datetime(2025, 10, 16, 7, tzinfo=UTC)
HOSTILE = "\n# <b>**x**</b> | `y` [z](https://example.org) \x1b[2J\n\n- item\n"


def daily(runs: list[RunRecord], **more: Any) -> Page:
    facts = {"since": AT, "now": AT, "today": AT.date(), "all": TaskRuns("", runs), "tasks": by_task(runs)}
    empty: dict[str, Any] = {"waiting": [], "due": [], "names": {}, "agenda": None, "notes": None}
    return render("daily", zone=ZoneInfo("Europe/Berlin"), **{**facts, **empty, "unreadable": [], **more})


def a_run(task_id: str, state: RunState, **more: Any) -> RunRecord:
    given: dict[str, Any] = {
        "attempt": 1,
        "scheduled_time": AT,
        "dispatched_at": AT,
        "finished_at": AT,
        **more,
    }
    return RunRecord(execution_id="e", task_id=task_id, handler="handlers.h.run", state=state, **given)


def test_foreign_text_stays_one_bounded_line() -> None:
    assert plain("a\n\n# b") == "a # b"
    assert len(code("x" * 10_000)) == LONGEST_LINE + 2


def test_backticks_in_code_do_not_end_it() -> None:
    assert code("`rm` `x`") == "`'rm' 'x'`"


def test_hostile_text_in_every_place_never_acts_as_markup() -> None:
    failed = a_run("evil", RunState.FAILURE, error=HOSTILE)
    retrying = a_run("evil", RunState.RETRYING, error=HOSTILE, retry_at=AT)
    missed, skipped = (a_run("evil", state, reason=HOSTILE) for state in (RunState.MISSED, RunState.SKIPPED))
    text = daily(
        [failed, missed, skipped],
        names={"evil": HOSTILE},
        waiting=[retrying],
        agenda=[AgendaEntry(HOSTILE, HOSTILE, time(9), None)],
        notes=[Note(HOSTILE, AT, HOSTILE, HOSTILE)],
        unreadable=[HOSTILE],
    ).text
    assert len(re.findall(r"^#+ ", text, re.MULTILINE)) == 9  # the title, and eight sections of ours
    assert "\x1b" not in text
    outside_code = re.sub(r"`[^`\n]*`", "", text)
    assert re.findall(r"(?<!\\)[<>\[\]`]", outside_code) == []
    assert all(re.match(r"#|\*\*|From |- |  - |\| |$", line) for line in text.splitlines())


def test_empty_sections_are_left_out() -> None:
    assert "## " not in daily([]).text


def test_long_list_ends_with_the_number_of_hidden_items() -> None:
    failed = [a_run(f"t{number:02}", RunState.FAILURE, error="x") for number in range(52)]
    failures = daily(failed).text.partition("## Failed")[2].partition("##")[0]
    assert failures.count("of 1 run failed") == 50
    assert failures.endswith("- … and 2 more\n\n")


def test_many_reasons_end_with_the_number_of_hidden_ones() -> None:
    failed = [a_run("t", RunState.FAILURE, error=f"e{number}") for number in range(7)]
    assert "  - … and 2 other reasons\n  - has not succeeded since\n" in daily(failed).text


def test_skipped_and_cancelled_runs_are_counted_apart_with_their_reasons() -> None:
    states = (RunState.SKIPPED, RunState.CANCELLED, RunState.SKIPPED, RunState.MISSED)
    page = daily([a_run("t", one, reason="x") for one in states])
    assert page.summary.startswith("1 run missed, 2 skipped; ")
    assert "- `t`: 2 skipped, Thu 16 Oct 09:00, Thu 16 Oct 09:00: `x`\n" in page.text
    assert "- `t`: 1 cancelled: `x`\n" in page.text


def test_fact_missing_for_the_template_fails() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'all' is undefined"):
        render("daily", zone=ZoneInfo("UTC"))
