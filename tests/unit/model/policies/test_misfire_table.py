"""The table of misfire policies in the docs, made by the function that beat decides with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.model.policies.misfire import Decision, Fire, decide
from tests.house.repository import ROOT

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
PAGE = ROOT / "docs" / "task-definition.md"

PERIODS = {"0.5 s": 0.5, "1 s": 1, "1 min": 60, "1 d": 86_400}
DOWNTIMES = {"0.5 s": 0.5, "5 s": 5, "20 s": 20, "45 s": 45, "2 h": 7_200}
POLICIES: dict[str, dict[str, Any]] = {
    "`latest`": {},
    "`latest`, `grace_seconds` 10": {"grace_seconds": 10},
    "`all`": {"policy": "all"},
    "`all`, `max_catch_up` 5": {"policy": "all", "max_catch_up": 5},
    "`all`, `grace_seconds` 10": {"policy": "all", "grace_seconds": 10},
    "`skip`": {"policy": "skip"},
}


def outcome(policy: dict[str, Any], period: float, downtime: float) -> tuple[int, int, int]:
    """Return how many run on time, run late, and are missed, of a task that fell due as beat went down."""
    schedule = {"type": "interval", "seconds": period, "anchor": "2026-03-02T09:00:00Z"}
    one = parse_task({"id": "a", "handler": "handlers.x.run", "schedule": schedule, "misfire": policy})
    now = T0 + timedelta(seconds=downtime)
    actions = [action for decision in decisions(one, now) for action in decision.actions]
    late = sum(isinstance(action, Fire) and action.is_catch_up for action in actions)
    on_time = sum(isinstance(action, Fire) and not action.is_catch_up for action in actions)
    return on_time, late, int(downtime // period) + 1 - on_time - late


def decisions(one: TaskDefinition, now: datetime) -> list[Decision]:
    made, due = [], T0.timestamp()
    while due <= now.timestamp():
        made.append(decide(one, due, now))
        following = made[-1].next_due
        assert following is not None
        due = following
    return made


def table() -> str:
    """Return the rows as they stand in the docs."""
    rows = ["| every | policy | down " + " | ".join(DOWNTIMES) + " |", "|---|---|" + "---|" * len(DOWNTIMES)]
    for period, seconds in PERIODS.items():
        for policy, fields in POLICIES.items():
            cells = [
                " · ".join(map(str, outcome(fields, seconds, downtime))) for downtime in DOWNTIMES.values()
            ]
            rows.append(f"| {period} | {policy} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def test_table_of_misfires_in_the_docs_is_what_beat_decides() -> None:
    assert table() in PAGE.read_text("utf-8"), f"the table in docs/task-definition.md should be:\n{table()}"


@pytest.mark.parametrize(
    ("policy", "period", "downtime", "expected"),
    [
        ({"policy": "skip"}, 1, 20, (1, 0, 20)),
        ({"policy": "skip"}, 1, 45, (1, 0, 45)),
        ({"policy": "skip"}, 60, 45, (0, 0, 1)),
        ({"policy": "latest"}, 1, 45, (1, 0, 45)),
        ({"policy": "latest"}, 86_400, 20, (1, 0, 0)),
        ({"policy": "all", "max_catch_up": 5}, 0.5, 5, (1, 5, 5)),
        ({"policy": "all"}, 0.5, 7_200, (1, 100, 14_300)),
        ({"policy": "all", "grace_seconds": 10}, 1, 20, (1, 10, 10)),
    ],
)
def test_downtime_leaves_what_the_policy_says(
    policy: dict[str, Any], period: float, downtime: float, expected: tuple[int, int, int]
) -> None:
    assert outcome(policy, period, downtime) == expected
