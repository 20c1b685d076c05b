"""The table of built-in conditions in the docs, made by the function that beat decides with."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mission_control.model.definitions.condition import Condition
from mission_control.model.definitions.task import parse_task
from mission_control.model.policies.condition import (
    NO_FACTS,
    ConditionFacts,
    decide_condition,
    with_condition,
)
from mission_control.model.policies.misfire import Decision, Fire, Miss, Skip
from tests.house.repository import ROOT

PAGE = ROOT / "docs" / "task-definition.md"
BERLIN = ZoneInfo("Europe/Berlin")
FILE = {"file_changed": "/srv/orders.csv"}
NIGHT = {"window": "22:00-06:00"}
FRIDAY = datetime(2026, 1, 2, 9, tzinfo=BERLIN)
LATE_EVENING = datetime(2026, 1, 2, 23, tzinfo=BERLIN)
MORNING = datetime(2026, 1, 3, 8, tzinfo=BERLIN)

Row = tuple[object, str, datetime, datetime, ConditionFacts]
ROWS: list[Row] = [
    ("workday", "Friday", FRIDAY, FRIDAY, NO_FACTS),
    ("workday", "Friday, noticed on Saturday", FRIDAY, FRIDAY + timedelta(days=1), NO_FACTS),
    ("workday", "Sunday", FRIDAY + timedelta(days=2), FRIDAY + timedelta(days=2), NO_FACTS),
    (
        {"workday": {"holidays": "DE-BY"}},
        "Tuesday, Epiphany",
        FRIDAY + timedelta(days=4),
        FRIDAY + timedelta(days=4),
        NO_FACTS,
    ),
    (NIGHT, "due at 23:00", LATE_EVENING, LATE_EVENING, NO_FACTS),
    (NIGHT, "due at 08:00", MORNING, MORNING, NO_FACTS),
    (NIGHT, "due at 23:00, late until 08:00", LATE_EVENING, MORNING, NO_FACTS),
    (NIGHT, "due at 21:00, late until 23:00", LATE_EVENING - timedelta(hours=2), LATE_EVENING, NO_FACTS),
    (FILE, "there is no such file", FRIDAY, FRIDAY, ConditionFacts(missing="there is no file")),
    (FILE, "no run has succeeded yet", FRIDAY, FRIDAY, ConditionFacts(state="a")),
    (FILE, "as at the last success", FRIDAY, FRIDAY, ConditionFacts(state="a", known="a")),
    (FILE, "changed since then", FRIDAY, FRIDAY, ConditionFacts(state="b", known="a")),
    ("upstream_changed", "no task before it has run yet", FRIDAY, FRIDAY, ConditionFacts(missing="none")),
    ("upstream_changed", "outputs as before", FRIDAY, FRIDAY, ConditionFacts(state="a", known="a")),
    ("upstream_changed", "other outputs", FRIDAY, FRIDAY, ConditionFacts(state="b", known="a")),
    ("previous_failed", "no run, or the last succeeded", FRIDAY, FRIDAY, NO_FACTS),
    ("previous_failed", "the last run failed", FRIDAY, FRIDAY, ConditionFacts(failures=1)),
]


def table() -> str:
    """Return the rows as they stand in the docs."""
    rows = ["| `condition` | found | the occurrence |", "|---|---|---|"]
    for given, found, due, now, facts in ROWS:
        answer = decide_condition(Condition.model_validate(given), due, now, BERLIN, facts)
        rows.append(f"| `{json.dumps(given)}` | {found} | {'runs' if answer.holds else 'skipped'} |")
    return "\n".join(rows)


def test_table_of_conditions_in_the_docs_is_what_beat_decides() -> None:
    assert table() in PAGE.read_text("utf-8"), f"the table in docs/task-definition.md should be:\n{table()}"


def a_task(condition: object, **fields: object) -> dict[str, object]:
    schedule = {"type": "daily", "time": "09:00", "timezone": "Europe/Berlin"}
    return {
        "id": "a",
        "schedule": schedule,
        "handler": "handlers.hello.run",
        "condition": condition,
        **fields,
    }


def decided(condition: object, facts: ConditionFacts = NO_FACTS, **fields: object) -> Decision:
    task = parse_task(a_task(condition, **fields))
    assert task.condition is not None
    missed = Miss(FRIDAY - timedelta(days=1), "no beat fired it")
    decision = Decision((missed, Fire(FRIDAY + timedelta(days=2))), 1.0)
    return with_condition(task, task.condition, decision, FRIDAY + timedelta(days=2), facts)


def test_skipped_occurrence_names_condition_and_value_and_missed_one_stays_missed() -> None:
    missed, skipped = decided("workday").actions
    assert isinstance(missed, Miss)
    assert isinstance(skipped, Skip)
    assert skipped.reason == "condition workday: Sunday 2026-01-04"
    assert skipped.cause.to_dict() == {"class": "condition", "layer": "workday"}


def test_occurrence_that_runs_carries_the_state_that_was_seen() -> None:
    _, fired = decided(FILE, ConditionFacts(state="b", known="a")).actions
    assert isinstance(fired, Fire)
    assert fired.seen == "b"


@pytest.mark.parametrize(
    ("last_run", "idle_from"),
    [(None, 4), (FRIDAY, 4), (FRIDAY - timedelta(days=1), 1)],
)
def test_no_is_worth_a_notice_from_so_many_on_or_after_so_long(
    last_run: datetime | None, idle_from: int
) -> None:
    condition = {**FILE, "idle_times": 4, "idle_after": "2d"}
    *_, skipped = decided(condition, ConditionFacts(missing="gone", last_run=last_run)).actions
    assert isinstance(skipped, Skip)
    assert skipped.idle_from == idle_from


def test_fixed_delay_counts_from_a_skip_and_not_from_an_occurrence_that_runs() -> None:
    delay = {"type": "interval", "minutes": 5, "measure_from": "finish"}
    failed, fine = (decided("previous_failed", ConditionFacts(n), schedule=delay) for n in (1, 0))
    assert failed.next_due == 1.0
    assert fine.next_due == (FRIDAY + timedelta(days=2, minutes=5)).timestamp()
