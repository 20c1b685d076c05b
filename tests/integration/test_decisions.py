"""What the decisions in docs/adr/ promise, on a real Redis."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from celery.schedules import schedule
from kombu import Exchange, Queue
from redbeat import RedBeatSchedulerEntry

from beat.firing.commit import Commit
from beat.scheduler import MissionControlScheduler
from beat.turn.lead import NotLeadingError
from mission_control import enqueue, register_task
from mission_control.installation.installation import create_app
from mission_control.model.values.instants import format_instant
from mission_control.scheduler import in_process
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

NINE: dict[str, Any] = {
    "id": "nine",
    "schedule": {"type": "daily", "time": "09:00"},
    "handler": "handlers.test_handler.run",
}
NINE_O_CLOCK = "2026-03-02T09:00:00Z"
NINE_RUN = "nine@20260302T090000Z"


class BeatKilledError(BaseException):
    """Beat's end in the middle of something: not caught by anything that heeds errors."""


def beat_of(installation: Installation) -> MissionControlScheduler:
    app = create_app("beat", lambda: installation)
    return MissionControlScheduler(app, installation=installation, lazy=True)


def messages_in(installation: Installation, queue: str = "default") -> list[dict[str, Any]]:
    """Take all messages from a queue, in the order in which a worker would."""
    with installation.celery.connection() as connection:
        bound = Queue(queue, Exchange(queue), routing_key=queue)(connection.default_channel)
        taken = iter(lambda: bound.get(no_ack=True), None)
        return [{"headers": one.headers, "body": one.decode()} for one in taken]


@pytest.mark.parametrize("is_committed", [False, True])
def test_beat_killed_around_its_commit_neither_loses_nor_doubles_the_run(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, is_committed: bool
) -> None:
    begin = Commit.begin

    def commit_and_die(*args: Any, **options: Any) -> None:
        if is_committed:
            begin(*args, **options)()
        raise BeatKilledError

    with time_machine.travel("2026-03-02T08:00:00Z"):
        register_task(NINE)
    with time_machine.travel(NINE_O_CLOCK):
        monkeypatch.setattr(Commit, "begin", commit_and_die)
        with pytest.raises(BeatKilledError):
            beat_of(installation).tick()
        monkeypatch.setattr(Commit, "begin", begin)
        beat_of(installation).tick()

    assert [message["headers"]["id"] for message in messages_in(installation)] == [NINE_RUN]
    assert [run.execution_id for run in installation.ledger.runs_of("nine")] == [NINE_RUN]


def test_beat_without_the_lead_commits_nothing(installation: Installation) -> None:
    with time_machine.travel("2026-03-02T08:00:00Z"):
        register_task(NINE)
    with time_machine.travel(NINE_O_CLOCK):
        installation.client.set(redis_keys.BEAT_LEADER, "another beat")
        with pytest.raises(NotLeadingError):
            beat_of(installation).fire_due(installation.clock())
    assert messages_in(installation) == []
    assert installation.ledger.runs_of("nine") == []


def test_task_is_an_entry_that_redbeat_can_load(installation: Installation) -> None:
    register_task(NINE)
    key = redis_keys.DEFAULT_REDBEAT_KEYS.entry("nine")
    entry = RedBeatSchedulerEntry.from_key(key, app=create_app("other", lambda: installation))
    assert (entry.name, entry.task, entry.enabled) == ("nine", "handlers.test_handler.run", True)
    ours = installation.client.hget(key, "task")
    assert json.loads(str(ours))["schedule"]["time"] == "09:00"


def test_entry_written_by_redbeat_fires(installation: Installation) -> None:
    app = create_app("other", lambda: installation)
    RedBeatSchedulerEntry("theirs", "handlers.hello.run", schedule(timedelta(minutes=1)), app=app).save()
    with time_machine.travel(installation.clock() + timedelta(minutes=5), tick=False):
        beat_of(installation).tick()
    (message,) = messages_in(installation)
    assert message["headers"]["task"] == "handlers.hello.run"
    assert message["headers"]["id"].startswith("theirs@")


def test_message_contains_ids_and_no_params(installation: Installation) -> None:
    register_task({**NINE, "params": {"output": "private data"}, "timeout_seconds": 20})
    with time_machine.travel(NINE_O_CLOCK, tick=False):
        run = enqueue("nine", {"error": "nor is this"})
        due = format_instant(installation.clock())

    (message,) = messages_in(installation)

    _, kwargs, _ = message["body"]
    assert kwargs == {"task_id": "nine", "scheduled_time": due, "execution_id": run.execution_id}
    assert message["headers"]["id"] == run.execution_id
    assert "private data" not in str(message)
    assert "nor is this" not in str(message)


def test_result_of_a_run_is_in_the_ledger_and_in_no_backend(installation: Installation) -> None:
    assert installation.celery.conf.result_backend is None
    register_task(NINE)
    run = enqueue("nine", {"output": "kept"})
    entered = run.record
    assert entered is not None
    in_process(installation).run(entered)
    assert run.result == {"status": "success", "output": "kept", "error": None}
    assert list(installation.client.scan_iter("celery-task-meta-*")) == []


def test_smaller_priority_number_is_served_first(installation: Installation) -> None:
    register_task(NINE)
    runs = {priority: enqueue("nine", priority=priority, overlap="allow") for priority in (9, 3, 0, 6)}
    served = [message["headers"]["id"] for message in messages_in(installation)]
    assert served == [runs[priority].execution_id for priority in (0, 3, 6, 9)]
