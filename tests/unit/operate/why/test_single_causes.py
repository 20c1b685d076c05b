"""Each cause alone: it decides, with the right verdict, source and remedy.

This file has more than 250 lines because each cause is a row of one table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from mission_control.messaging.outage_history import PastOutage
from mission_control.model.policies.overlap import Verdict as Overlap
from mission_control.model.policies.pause import PauseKind
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.run_state import RunState
from mission_control.operate.runs import Meeting
from mission_control.operate.why.evidence import Evidence
from mission_control.operate.why.explain import explain
from mission_control.operate.why.explanation import Source, Verdict
from mission_control.processes.heartbeats import ProcessInfo
from mission_control.store.troubles import REFUSALS
from tests.unit.operate.why.evidences import (
    BEAT,
    HELLO,
    HOUR,
    MINUTE,
    NINE,
    WORKER,
    a_run,
    ahead,
    begun,
    by_hand,
    known,
    layer,
    of_run,
    past,
    tea,
    unfired,
    used_up,
    waiting,
    with_layer,
    with_task,
)

OTHER: Final = "tea@20260301T090000Z"
UPSTREAM: Final = Cause("upstream", run="milk@20260302T080000Z", outcome="failure")
MILK: Final = a_run(RunState.FAILURE, execution_id=str(UPSTREAM.run), task_id="milk", error="sour")
STANDBY: Final = ProcessInfo("beat", "vm:2", {"leading": False})
EMPTY_HANDED: Final = ProcessInfo("worker", "w@vm", {"queues": ["default"], "handlers": {}})
BERLIN: Final = {"type": "daily", "time": "02:30", "timezone": "Europe/Berlin"}
GAP, FOLD = "2026-03-29T01:30:00Z", "2026-10-25T01:30:00Z"


def scheduled(at: str = "2026-03-02T09:00:00Z", **schedule: object) -> Evidence:
    return ahead(tea(schedule={"type": "daily", "time": "09:00", **schedule}), at=NINE.fromisoformat(at))


def overdue() -> Evidence:
    """The occurrence is due for an hour, and still on the schedule."""
    return replace(past(ahead()), due=NINE.timestamp())


CAUSES: Final[dict[str, tuple[Evidence, str, Verdict]]] = {
    "another minute": (scheduled("2026-03-02T09:05:00Z"), "not_due", Verdict.NOT_DUE),
    "another day": (
        ahead(tea(schedule={"type": "weekly", "days": ["sun"], "time": "09:00"})),
        "not_due",
        Verdict.NOT_DUE,
    ),
    "excluded": (scheduled(exclude=["2026-03-02"]), "excluded", Verdict.NOT_DUE),
    "excluded in a part of a union": (
        ahead(
            tea(
                schedule={
                    "type": "any",
                    "schedules": [
                        {"type": "daily", "time": "09:00", "exclude": ["monday"]},
                        {"type": "daily", "time": "10:00"},
                    ],
                }
            )
        ),
        "excluded",
        Verdict.NOT_DUE,
    ),
    "before the start": (scheduled(start="2026-03-03"), "before_start", Verdict.NOT_DUE),
    "after the end": (scheduled(end="2026-03-01"), "after_end", Verdict.NOT_DUE),
    "before its creation": (past(scheduled("2026-01-31T09:00:00Z")), "before_creation", Verdict.NOT_DUE),
    "second of two times": (
        replace(ahead(tea(schedule=BERLIN), at=NINE.fromisoformat(FOLD))),
        "dst",
        Verdict.NOT_DUE,
    ),
    "time that clocks leave out": (
        ahead(
            tea(schedule={**BERLIN, "dst": {"gap": "skip"}}), at=NINE.fromisoformat("2026-03-29T01:00:00Z")
        ),
        "dst",
        Verdict.NOT_DUE,
    ),
    "fixed delay": (
        ahead(tea(schedule={"type": "interval", "hours": 1, "measure_from": "finish"}), at=NINE + MINUTE),
        "to_come",
        Verdict.TO_COME,
    ),
    "no schedule": (
        replace(ahead(tea(schedule=None)), scheduled=None, execution_id=None),
        "no_schedule",
        Verdict.NOT_DUE,
    ),
    "to come": (ahead(), "to_come", Verdict.TO_COME),
    "disabled": (ahead(tea(enabled=False)), "disabled", Verdict.SKIPPED),
    "was disabled": (past(ahead(tea(enabled=False))), "disabled", Verdict.SKIPPED),
    "paused": (with_layer(layer())(ahead()), "paused", Verdict.SKIPPED),
    "paused by a tag": (with_layer(layer(PauseKind.TAG, "hot"))(ahead()), "paused", Verdict.SKIPPED),
    "circuit breaker": (
        with_layer(layer(PauseKind.BREAKER, until=NINE + HOUR))(ahead()),
        "breaker",
        Verdict.SKIPPED,
    ),
    "skipped by hand": (by_hand(is_skipped=True)(ahead()), "skipped_by_hand", Verdict.SKIPPED),
    "moved by hand": (by_hand(to=NINE + HOUR)(ahead()), "to_come", Verdict.TO_COME),
    "condition": (with_task(condition={"window": "22:00-06:00"})(ahead()), "condition", Verdict.SKIPPED),
    "budget": (known(budgets=(used_up(),))(ahead()), "budget", Verdict.SKIPPED),
    "quarantined": (known(quarantined="not JSON")(ahead()), "quarantined", Verdict.LOST),
    "waits for upstream": (
        replace(ahead(tea(schedule=None)), scheduled=None, open_joins=("its run waits for milk (running)",)),
        "upstream",
        Verdict.WAITING,
    ),
    "no beat": (known(processes=(WORKER,))(overdue()), "no_beat", Verdict.WAITING),
    "no beat, misfire policy skip": (
        with_task(misfire={"policy": "skip"})(known(processes=())(overdue())),
        "no_beat",
        Verdict.LOST,
    ),
    "lead held elsewhere": (
        known(processes=(STANDBY, WORKER), lead="gone:9")(overdue()),
        "no_leader",
        Verdict.WAITING,
    ),
    "Redis refuses": (known(refusal=REFUSALS["OOM"])(overdue()), "redis_refuses", Verdict.WAITING),
    "entry missing": (known(due=None)(overdue()), "entry_missing", Verdict.LOST),
    "entry edited": (known(due=(NINE - MINUTE).timestamp())(overdue()), "entry_edited", Verdict.LOST),
    "edited before it fired": (known(edited=NINE + MINUTE)(past(ahead())), "edited", Verdict.LOST),
    "history trimmed": (known(is_kept=False)(past(ahead())), "trimmed", Verdict.UNKNOWN),
    "unexplained": (past(ahead()), "unexplained", Verdict.LOST),
    "just due": (replace(overdue(), now=NINE), "firing", Verdict.WAITING),
    "skip on record": (
        unfired(RunState.SKIPPED, "paused (all) by ada", Cause("paused", layer="all")),
        "paused",
        Verdict.SKIPPED,
    ),
    "overlap on record": (
        unfired(RunState.SKIPPED, f"run {OTHER} has not ended", Cause("overlap", run=OTHER)),
        "overlap",
        Verdict.SKIPPED,
    ),
    "upstream on record": (
        unfired(RunState.SKIPPED, "runs after milk", UPSTREAM, related={MILK.execution_id: MILK}),
        "upstream",
        Verdict.SKIPPED,
    ),
    "budget on record": (
        unfired(RunState.SKIPPED, "budget b is used up", Cause("budget", layer="b")),
        "budget",
        Verdict.SKIPPED,
    ),
    "condition on record": (
        unfired(RunState.SKIPPED, "condition workday: Sunday", Cause("condition", layer="workday")),
        "condition",
        Verdict.SKIPPED,
    ),
    "misfire on record": (
        unfired(RunState.MISSED, "misfire policy latest: a later occurrence was due", Cause("misfire")),
        "misfire",
        Verdict.LOST,
    ),
    "overlap": (waiting(waits_for=OTHER), "overlap", Verdict.WAITING),
    "limit": (waiting(limited_by="api"), "limit", Verdict.WAITING),
    "rate": (waiting(limited_by="api", limited_until=NINE + HOUR), "limit", Verdict.WAITING),
    "delayed": (waiting(scheduled_time=NINE + HOUR), "delayed", Verdict.WAITING),
    "retrying": (
        waiting(state=RunState.RETRYING, attempt=1, retry_at=NINE + HOUR, error="no"),
        "retrying",
        Verdict.WAITING,
    ),
    "parked": (known(parked_until=NINE + HOUR)(waiting()), "parked", Verdict.WAITING),
    "interrupted": (waiting(state=RunState.INTERRUPTED, attempt=1), "interrupted", Verdict.WAITING),
    "no worker on the queue": (known(processes=(BEAT,))(waiting()), "unserved_queue", Verdict.WAITING),
    "no worker with the handler": (
        known(processes=(BEAT, EMPTY_HANDED))(waiting()),
        "missing_handler",
        Verdict.WAITING,
    ),
    "workers busy": (
        known(running=(a_run(RunState.RUNNING, worker="celery@vm"),) * 2)(waiting()),
        "workers_busy",
        Verdict.WAITING,
    ),
    "in the queue": (waiting(), "queued", Verdict.WAITING),
    "running": (begun(RunState.RUNNING, finished_at=None), "running", Verdict.RUNNING),
    "worker stopped": (
        begun(RunState.RUNNING, finished_at=None, worker="celery@gone"),
        "stopped_worker",
        Verdict.WAITING,
    ),
    "ran": (begun(RunState.SUCCESS), "ran", Verdict.RAN),
    "handler raised": (begun(RunState.FAILURE, error="ValueError: no"), "handler_failed", Verdict.FAILED),
    "timed out": (begun(RunState.TIMED_OUT, error="too long"), "timed_out", Verdict.FAILED),
    "worker lost": (begun(RunState.LOST, error="begun 5 times"), "worker_lost", Verdict.LOST),
    "cancelled": (begun(RunState.CANCELLED, reason="by ada"), "cancelled", Verdict.SKIPPED),
    "expired": (of_run(a_run(RunState.EXPIRED, expires_at=NINE + MINUTE)), "expired", Verdict.LOST),
}


@pytest.mark.parametrize("name", CAUSES)
def test_single_cause_decides(name: str) -> None:
    evidence, code, verdict = CAUSES[name]
    found = explain(evidence)
    assert (found.findings[0].code, found.verdict) == (code, verdict)
    assert found.findings[0].words


def test_at_least_thirty_causes_are_shown() -> None:
    assert len({code for _, code, _ in CAUSES.values()}) >= 30  # of the issue


def test_answer_from_a_decision_is_marked_as_recomputed_and_one_from_a_record_as_stored() -> None:
    sources = {name: explain(evidence).findings[0].source for name, (evidence, *_) in CAUSES.items()}
    assert sources["paused"] is sources["another minute"] is Source.RECOMPUTED
    assert sources["skip on record"] is sources["running"] is Source.STORED
    assert sources["history trimmed"] is sources["unexplained"] is Source.UNKNOWN


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("paused", "mission-control resume tea"),
        ("paused by a tag", "mission-control resume --tag hot"),
        ("skip on record", "mission-control resume --all"),
        ("skipped by hand", "mission-control task unskip tea --at 2026-03-02T09:00:00Z"),
        ("disabled", "mission-control task enable tea"),
        ("upstream on record", "mission-control why milk@20260302T080000Z"),
        ("overlap", f"mission-control why {OTHER}"),
        ("handler raised", "mission-control run logs tea@20260302T090000Z"),
    ],
)
def test_remedy_is_a_command(name: str, remedy: str) -> None:
    assert explain(CAUSES[name][0]).findings[0].remedy == remedy


def test_time_that_is_not_due_is_compared_field_by_field() -> None:
    words = explain(CAUSES["another day"][0]).findings[0].words
    assert "year 2026 and month 03 match, day 02 (Monday) does not" in words
    assert words.endswith("the nearest occurrences are 2026-03-01T09:00:00Z and 2026-03-08T09:00:00Z")


def test_upstream_cause_names_the_run_at_the_root_and_its_error() -> None:
    root = explain(CAUSES["upstream on record"][0]).findings[1]
    assert (root.code, root.words) == ("root", "run milk@20260302T080000Z is at the root: failure sour")


def test_late_start_is_divided_among_beat_parking_and_queue() -> None:
    run = begun(
        RunState.SUCCESS,
        dispatched_at=NINE + 2 * MINUTE,
        released_at=NINE + 5 * MINUTE,
        started_at=NINE + 6 * MINUTE,
    )
    found = {one.code: one.words for one in explain(known(acted_before=NINE - HOUR)(run)).findings}
    assert found["late"] == "it started 6 min late: beat 2 min, parked 3 min, in the queue 1 min"
    assert found["beat_down"] == "no beat fired anything from 2026-03-02T08:00:00Z until 2026-03-02T09:02:00Z"


@pytest.mark.parametrize(
    ("evidence", "decides"),
    [
        (begun(RunState.SUCCESS, dispatched_at=NINE + 2 * MINUTE, started_at=NINE + 2 * MINUTE), "ran"),
        (CAUSES["misfire on record"][0], "misfire"),
        (past(ahead()), "redis_refused"),
    ],
)
def test_past_refusal_of_redis_is_named_with_its_times_in_place_of_a_silent_beat(
    evidence: Evidence, decides: str
) -> None:
    outage = PastOutage("beat", "is full: raise its maxmemory", NINE, NINE + MINUTE)
    found = explain(replace(evidence, outages=(outage,))).findings
    refused = next(one for one in found if one.code == "redis_refused")
    assert (found[0].code, refused.source, refused.remedy) == (decides, Source.STORED, "raise its maxmemory")
    assert refused.words == (
        "Redis is full; so beat fired nothing and recovered no run from 2026-03-02T09:00:00Z until"
        " 2026-03-02T09:01:00Z"
    )
    assert not {one.code for one in found} & {"beat_down", "unexplained"}


def test_failed_run_names_the_last_frame_and_that_no_attempt_is_left() -> None:
    failed = begun(RunState.FAILURE, error="ValueError: no", retry_policy={"max_retries": 0})
    first, second = explain(known(last_frame='File "x.py", line 3, in run')(failed)).findings
    assert first.words == 'ValueError: no (File "x.py", line 3, in run)'
    assert (second.code, second.words) == ("attempts_used", "it was attempt 1 of 1, so none follows")


def test_missing_handler_names_the_workers_that_have_it_with_their_digests() -> None:
    elsewhere = ProcessInfo("worker", "x@vm", {"queues": ["mail"], "handlers": {HELLO: "aa11"}})
    evidence = known(processes=(BEAT, EMPTY_HANDED, elsewhere), missing_handler_since=NINE)(waiting())
    assert explain(evidence).findings[0].words.endswith(", since 2026-03-02T09:00:00Z; x@vm has aa11")


@pytest.mark.parametrize("then", [one for one in Overlap if one is not Overlap.START])
def test_next_occurrence_meets_an_active_run(then: Overlap) -> None:
    found = explain(known(meeting=Meeting(a_run(RunState.RUNNING), then))(ahead()))
    assert found.verdict is Verdict.TO_COME
    (words,) = (one.words for one in found.findings if one.code == "overlap")
    what = {"skip": "is skipped", "wait": "waits", "replace": "replaces it"}.get(then, "takes the place")
    assert words.startswith(f"it {what}")
    assert words.endswith("has not ended by then (overlap policy skip)")


def test_skip_on_record_lists_what_else_held_then_and_nothing_that_only_holds_now() -> None:
    paused = unfired(RunState.SKIPPED, "paused (all) by ada", Cause("paused", layer="all"))
    later = layer(PauseKind.TAG, "hot", reason="later")
    evidence = known(quarantined="since")(with_layer(replace(later, since=NINE + MINUTE))(paused))
    codes = [one.code for one in explain(with_task(condition="previous_failed")(evidence)).findings]
    assert codes == ["paused"]
    workday = with_task(condition={"window": "22:00-06:00"})(with_layer(layer())(paused))
    assert [one.code for one in explain(workday).findings] == ["paused", "paused", "condition"]
