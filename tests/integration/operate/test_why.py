"""Why an occurrence ran or did not, asked before it is due and of its record, with a real beat."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.errors import (
    InvalidTaskError,
    UnknownOccurrenceError,
    UnknownRunError,
    UnknownTaskError,
)
from mission_control.model.runs.run_state import RunState
from mission_control.operate.assembly import asking
from mission_control.operate.why.explanation import Source, Verdict
from mission_control.processes.heartbeats import Heartbeat
from mission_control.store import redis_keys
from tests.processes.minutely import ALL, MINUTE, NINE, A, Day
from tests.processes.pipelines import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mission_control.installation.installation import Installation
    from mission_control.operate.why.explanation import Explanation
    from tests.stage.servers import RedisServer


@pytest.fixture
def day(redis_server: RedisServer, tmp_path: Path) -> Day:
    with redis_server.client() as client:
        client.flushall()
    return Day(redis_server.url, tmp_path)


def why(day: Day, name: str = "a", **options: Any) -> Explanation:
    return asking(day.ours).why(name, **options)


def forget_processes(day: Day) -> None:
    """Let time pass in which no process answers, and nothing is known of what was trimmed by real time."""
    keys = [*day.ours.client.scan_iter(f"{redis_keys.PROCESSES}*"), redis_keys.KNOWN_SINCE]
    day.ours.client.delete(*keys)


def skip(day: Day) -> None:
    day.occurrences.skip("a", reason="holidays")


def pause(day: Day) -> None:
    day.pause(A, reason="works")
    day.pause(ALL)


def condition(day: Day) -> None:
    day.ours.registry.update("a", {"condition": {"window": "22:00-06:00"}})


def failures(day: Day) -> None:
    day.ours.registry.update("a", {"condition": "previous_failed"})


def both(day: Day) -> None:
    skip(day)
    condition(day)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (skip, "skipped_by_hand"),
        (pause, "paused"),
        (condition, "condition"),
        (failures, "condition"),
        (both, "skipped_by_hand"),
    ],
)
def test_what_is_foreseen_is_what_beat_decides(day: Day, change: Callable[[Day], object], code: str) -> None:
    change(day)
    foreseen = why(day, which="next")
    day.to(1)
    recorded = why(day, at=NINE + MINUTE)
    assert foreseen.verdict is recorded.verdict is Verdict.SKIPPED
    before, after = foreseen.findings[0], recorded.findings[0]
    assert (before.code, before.words) == (after.code, after.words)
    assert before.code == code
    assert (before.source, after.source) == (Source.RECOMPUTED, Source.STORED)


def test_moved_occurrence_is_found_by_both_times_and_runs_then(day: Day) -> None:
    to = NINE + timedelta(minutes=5, seconds=30)
    day.occurrences.move("a", None, to)
    for at in (NINE + MINUTE, to):
        found = why(day, at=at)
        assert (found.verdict, found.scheduled_time) == (Verdict.TO_COME, NINE + MINUTE)
        assert {"to_come", "moved"} <= {one.code for one in found.findings}
    day.to(6)
    assert why(day, at=to).verdict is Verdict.WAITING


def test_task_is_explained_by_its_active_run_and_its_next_occurrence(day: Day) -> None:
    day.to(1)
    found = why(day)
    assert (found.execution_id, found.verdict) == ("a@20260302T090100Z", Verdict.WAITING)
    assert found.findings[0].code == "unserved_queue"
    assert found.following is not None
    assert found.following.scheduled_time == NINE + 2 * MINUTE


def test_disabled_task_names_who_disabled_it_for_past_and_next_occurrence(day: Day) -> None:
    day.to(1)
    day.now += MINUTE / 2
    day.ours.registry.disable("a", reason="the kettle is broken")
    day.to(3)
    for found in (why(day, at=NINE + 3 * MINUTE), why(day, which="next")):
        assert (found.findings[0].code, found.verdict) == ("disabled", Verdict.SKIPPED)
        assert "at 2026-03-02T09:01:30Z: the kettle is broken" in found.findings[0].words


def test_occurrence_that_beat_missed_before_its_schedule_was_changed_is_explained_by_that(day: Day) -> None:
    day.to(1)
    day.now = NINE + 3.5 * MINUTE
    day.ours.registry.update("a", {"schedule": {"type": "interval", "minutes": 2}})
    day.leave(4)
    forget_processes(day)
    found = why(day, at=NINE + 2 * MINUTE)
    assert (found.findings[0].code, found.verdict) == ("edited", Verdict.LOST)
    assert why(day, which="last_missed").scheduled_time == NINE + 2 * MINUTE


def test_overdue_occurrence_waits_for_beat_and_is_missed_by_the_policy_that_was_foreseen(day: Day) -> None:
    day.to(1)
    day.ours.registry.update("a", {"misfire": {"policy": "skip"}})
    day.now = NINE + 5 * MINUTE
    forget_processes(day)
    found = why(day, at=NINE + 2 * MINUTE)
    assert [one.code for one in found.findings[:2]] == ["no_beat", "misfire"]
    assert found.verdict is Verdict.LOST
    assert "a beat fired last at 2026-03-02T09:01:00Z" in found.findings[0].words
    day.leave(5)
    missed = {one.code: one.words for one in why(day, at=NINE + 2 * MINUTE).findings}
    assert missed["misfire"] == found.findings[1].words
    assert missed["beat_down"].startswith("no beat fired anything from 2026-03-02T09:01:00Z until")


def test_entry_that_another_program_removed_or_moved_is_named(day: Day) -> None:
    schedule, key = day.ours.redbeat_keys.schedule, day.ours.redbeat_keys.entry("a")
    day.now = NINE + 2 * MINUTE
    Heartbeat(day.ours.client, "beat", "vm:1").beat(leading=True)
    day.ours.client.zrem(schedule, key)
    assert why(day, at=NINE + MINUTE).findings[0].code == "entry_missing"
    day.ours.client.zadd(schedule, {key: (NINE + MINUTE / 2).timestamp()})
    assert why(day, at=NINE + MINUTE).findings[0].code == "entry_edited"


def test_run_is_explained_although_another_program_has_damaged_its_task(day: Day) -> None:
    day.pause(A)
    day.to(1)
    damaged = {"id": "a", "enabled": True, "schedule": {"type": "x"}, "metadata": {"revision": 1}}
    day.ours.client.hset(day.ours.redbeat_keys.entry("a"), "task", json.dumps(damaged))
    found = why(day, "a@20260302T090100Z")
    assert [one.code for one in found.findings] == ["paused"]


def test_run_that_the_ledger_forgot_is_explained_by_the_audit_stream_and_then_not_at_all(day: Day) -> None:
    day.pause(A)
    day.to(2)
    day.beat._unfired_records.write(most=None)
    day.ours.client.delete(redis_keys.run("a@20260302T090100Z"))
    found = why(day, "a@20260302T090100Z")
    assert (found.verdict, found.findings[0].code) == (Verdict.SKIPPED, "paused")
    day.ours.client.hset(redis_keys.KNOWN_SINCE, "runs", str((NINE + MINUTE).timestamp()))
    day.ours.settings.task_execution_log.unlink()
    forgotten = why(day, "a@20260302T090100Z")
    assert (forgotten.verdict, forgotten.findings[0].source) == (Verdict.UNKNOWN, Source.UNKNOWN)


def test_removed_task_is_explained_by_its_removal_until_it_is_registered_again(day: Day) -> None:
    day.to(2)
    runs = [run.execution_id for run in day.ours.ledger.runs_of("a")]
    definition = day.ours.registry.get("a")
    day.ours.registry.unregister("a", reason="no longer needed")
    for name in ("a", "a@20200101T000000Z"):
        (found,) = why(day, name).findings
        assert (name, found.code, found.words[-18:]) == (name, "removed", ": no longer needed")
        assert found.remedy == "mission-control audit tail --task a"
    assert why(day, runs[0]).execution_id == runs[0]
    assert definition is not None
    assert day.ours.registry.register(definition)
    assert why(day).findings[0].code != "removed"
    with pytest.raises(UnknownTaskError):
        why(day, "never")


def test_skipped_run_of_a_pipeline_names_the_run_at_the_root(installation: Installation) -> None:
    world = World(installation)
    world.root("extract")
    world.task("load", "extract")
    world.task("report", "load")
    world.fire(10)
    waits = asking(world.ours).why("load")
    assert (waits.verdict, waits.findings[0].words) == (
        Verdict.WAITING,
        "its run with the root extract@20260302T100000Z waits for extract (dispatched)",
    )
    world.ends("extract", RunState.FAILURE)
    found = asking(world.ours).why("report")
    assert (found.verdict, found.findings[0].code) == (Verdict.SKIPPED, "upstream")
    assert found.findings[0].remedy == "mission-control why extract@20260302T100000Z"
    assert found.findings[1].words == "run extract@20260302T100000Z is at the root: failure"


def test_wrong_names_and_times_are_errors_that_say_what_is_right(day: Day) -> None:
    with pytest.raises(UnknownTaskError, match="no task has the id"):
        why(day, "tee")
    with pytest.raises(UnknownRunError, match="mission-control run list"):
        why(day, "tee@20260302T090000Z")
    with pytest.raises(InvalidTaskError, match="is too far ahead; ask about a time before 2036"):
        why(day, at=NINE.replace(year=2600))
    with pytest.raises(UnknownOccurrenceError, match="no occurrence of 'a' was missed"):
        why(day, which="last_missed")
    before = why(day, at=NINE - timedelta(days=400))
    assert (before.verdict, before.findings[0].code) == (Verdict.NOT_DUE, "before_creation")
