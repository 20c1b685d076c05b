from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mission_control.model.runs.new_run import ad_hoc_run
from mission_control.model.runs.run_state import RunState
from mission_control.operate.health import (
    LONG_WAIT,
    beat_issues,
    control_issues,
    handler_issues,
    of_runs,
    quarantine_issues,
    queue_issues,
    stopped_workers,
    upstream_issues,
    work_issues,
    worker_issues,
)
from mission_control.operate.queues import QueueState
from mission_control.processes.heartbeats import ProcessInfo

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HELLO = "handlers.hello.run"


def worker(*queues: str, **info: Any) -> ProcessInfo:
    return ProcessInfo("worker", "celery@vm", {"queues": list(queues), **info})


BEAT = ProcessInfo("beat", "vm:1", {"leading": True})


def problems(alive: list[ProcessInfo], queue: str = "default", handler: str = HELLO) -> list[str]:
    return [one.problem for one in work_issues(alive, [{(queue, handler): ["tea"]}])]


def test_served_queue_and_known_handler_are_no_issue() -> None:
    assert problems([worker("default", handlers=[HELLO])]) == []
    assert problems([worker("default")]) == []  # an older worker does not tell its handlers
    assert list(beat_issues([BEAT])) == []


def test_beats_of_which_none_leads_are_an_issue_until_one_does() -> None:
    standby = ProcessInfo("beat", "vm:2", {"leading": False})
    assert [one.kind for one in beat_issues([standby])] == ["no_leader"]
    assert list(beat_issues([standby, BEAT])) == []


@pytest.mark.parametrize(
    ("alive", "remedy"),
    [
        ([], "start one with `mission-control up`"),
        ([BEAT], "start one with `mission-control up`"),
        ([worker("default")], "start one for it: `celery -A workers.app worker -Q reports`"),
    ],
    ids=["nothing", "only beat", "a worker of another queue"],
)
def test_unserved_queue_is_named_with_its_tasks_and_the_remedy(alive: list[ProcessInfo], remedy: str) -> None:
    (issue,) = work_issues(alive, [{("reports", HELLO): ["tea", "a", "b", "c", "d"]}])
    assert str(issue) == f"no worker serves the queue reports (tea, a, b and 2 more); {remedy}"


def test_handler_counts_only_where_a_worker_of_the_queue_has_it() -> None:
    elsewhere = worker("mail", handlers=["handlers.x.run"])
    alive = [worker("default", handlers=[HELLO]), elsewhere]
    assert problems(alive, handler="handlers.x.run") == ["no worker has the handler handlers.x.run (tea)"]
    assert problems(alive, queue="mail", handler="handlers.x.run") == []


def test_broken_handlers_and_several_versions_of_one_are_issues() -> None:
    old = ProcessInfo(
        "worker", "old@vm", {"handlers": {HELLO: "1f"}, "broken": {"handlers.typo": "typo.py line 2"}}
    )
    new = ProcessInfo("worker", "new@vm", {"handlers": {HELLO: "2e"}})
    broken, versions = handler_issues([old, new])
    assert (broken.kind, broken.problem) == ("broken_handler", "broken handler on old@vm: typo.py line 2")
    assert versions.problem == f"old@vm and new@vm have different versions of {HELLO}"
    assert list(handler_issues([new, new])) == []


def test_messages_in_an_unknown_queue_are_an_issue() -> None:
    (issue,) = work_issues([worker("default")], [], [QueueState("typo", 2, None)])
    assert (issue.kind, issue.problem) == ("unserved_queue", "no worker serves the queue typo (2 messages)")


def test_queue_is_an_issue_once_its_oldest_message_waits_long() -> None:
    fresh, old = QueueState("a", 5_000, NOW - LONG_WAIT), QueueState("b", 1, NOW - LONG_WAIT * 2)
    (issue,) = queue_issues([fresh, old, QueueState("c", 1, None)], NOW)
    assert issue.problem == "1 message in the queue b wait, the oldest for 10 min"


def test_running_run_of_a_silent_worker_is_named() -> None:
    run = ad_hoc_run(HELLO, {}, ulid="1", at=NOW, now=NOW, queue="default")
    alive = [worker("default")]
    runs = [replace(run, state=RunState.RUNNING, worker=name) for name in ("celery@vm", "celery@gone", "vm")]
    stopped = stopped_workers(alive, runs)
    assert stopped == {"celery@gone": [run.execution_id]}
    (issue,) = worker_issues(stopped)
    assert issue.problem == f"celery@gone does not answer, and has {run.execution_id} in hand"
    assert of_runs(runs) == {}


def test_quarantine_of_tasks_and_records_is_an_issue_and_dead_letters_are_not() -> None:
    kinds = ("task", "RedBeat entry", "audit record", "message")
    notes = [{"kind": kind, "what": "tea", "problem": "no"} for kind in kinds]
    task, entry, records = quarantine_issues(notes)
    assert str(task).startswith("tea is quarantined: no; remove the cause, and it fires again")
    assert task.remedy.endswith("what falls due until then is recorded afterwards, by its misfire policy")
    (missed,) = quarantine_issues([{**notes[0], "stays": "yes"}])
    assert missed.remedy.endswith("each occurrence is missed until then")
    assert (entry.kind, entry.problem) == ("quarantined_entry", "RedBeat entry tea is quarantined: no")
    assert "task enable" not in entry.remedy
    assert "1 audit record in quarantine; look at them with `mission-control status --quarantine`" in str(
        records
    )


def test_worker_that_remote_control_changed_is_an_issue_until_it_restarts() -> None:
    changed = worker("default", changed=["pool_grow n=9 at 2026-03-01T12:00:00Z"])
    (issue,) = control_issues([changed, worker("default", changed=[]), worker("default"), BEAT])
    assert issue.kind == "changed_worker"
    assert str(issue) == (
        "celery@vm was changed by remote control: pool_grow n=9 at 2026-03-01T12:00:00Z; "
        "restart that worker to undo it: `celery -A workers.app worker -n celery@vm`"
    )


def test_task_that_comes_after_one_that_does_not_exist_is_an_issue() -> None:
    (issue,) = upstream_issues({"tea": ["water", "leaves"]})
    assert issue.problem == "task tea comes after water, leaves: no such task"
