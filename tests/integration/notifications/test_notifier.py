"""From the end of a run to the run that tells it: beat and the ledger on a real server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from kombu.exceptions import OperationalError

from mission_control.dispatch.enqueue import Dispatch
from mission_control.dispatch.run_ending import RunEnding
from mission_control.model.runs.run_state import RunState
from mission_control.notifications import notifier
from mission_control.notifications.message_runs import HANDLER
from mission_control.notifications.notifier import Notifier
from mission_control.store import redis_keys
from tests.processes.minutely import A, Day

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.model.runs.run_record import RunRecord
    from tests.stage.servers import RedisServer

NOTIFY_KEYS = (redis_keys.NOTICES, redis_keys.INCIDENTS, redis_keys.NOTIFICATIONS)
FAILS = {"on": ["failure", "recovery"]}
YEARLY = {"type": "cron", "expression": "0 0 29 2 *"}


@dataclass
class Stage:
    """A day without a worker; the test ends runs, and its notifier collects nothing for long."""

    day: Day
    sent: list[RunRecord] = field(default_factory=list)

    def task(self, task_id: str, notify: dict[str, Any] | None = None, **more: Any) -> None:
        given = {} if notify is None else {"notify": notify}
        self.day.register(task_id, schedule=YEARLY, **given, **more)

    def end(self, task_id: str, state: RunState, error: str | None = None) -> None:
        """Run a task by hand, and end its run."""
        ours = self.day.ours
        run_id = Dispatch.of(ours).enqueue(task_id).execution_id
        run = ours.ledger.begin(run_id, 1, worker="w", at=self.day.now).run
        assert run is not None
        assert RunEnding.of(ours).end(run, state, at=self.day.now, error=error) is not None

    def notifier(self) -> Notifier:
        ours = self.day.ours
        leader = str(ours.client.get(redis_keys.BEAT_LEADER))
        return Notifier(
            ours.client, ours.ledger, ours.celery, lambda: ours.registry, ours.clock, "default", leader
        )

    def reported(self) -> list[str]:
        """Let a notifier do its work, and return the titles of what it sent."""
        before = len(self.sent)
        self.notifier().turn()
        return [run.params["title"] for run in self.sent[before:]]


@pytest.fixture
def stage(redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(notifier, "COLLECTED_FOR", timedelta(0))
    with redis_server.client() as client:
        client.flushall()
    stage = Stage(Day(redis_server.url, tmp_path))
    monkeypatch.setattr(notifier, "send", lambda _, run: stage.sent.append(run))
    return stage


def test_failure_is_reported_at_the_end_of_its_retries_and_its_recovery_once(stage: Stage) -> None:
    stage.task("tea", FAILS)
    stage.end("tea", RunState.RETRYING, "no water")
    stage.end("tea", RunState.CANCELLED)
    stage.end("tea", RunState.SUCCESS)
    assert stage.day.ours.client.exists(*NOTIFY_KEYS) == 0
    stage.end("tea", RunState.FAILURE, "no water")
    assert stage.reported() == ["tea fails: no water"]
    stage.end("tea", RunState.FAILURE, "no water")
    assert stage.reported() == []
    stage.end("tea", RunState.TIMED_OUT, "no answer within 5 s")
    stage.day.now += timedelta(minutes=6)
    assert stage.reported() == ["tea fails for another reason: no answer within 5 s"]
    stage.end("tea", RunState.SUCCESS)
    stage.end("tea", RunState.SUCCESS)
    assert stage.reported() == ["tea works again"]
    assert stage.day.ours.client.exists(*NOTIFY_KEYS) == 0


def test_task_that_asks_for_nothing_leaves_no_key_while_no_default_channel_is_set_up(stage: Stage) -> None:
    stage.task("tea")
    stage.task("cake", {"on": []})
    for state in (RunState.FAILURE, RunState.LOST, RunState.SUCCESS):
        stage.end("tea", state, "no water")
        stage.end("cake", state, "no flour")
    assert stage.day.ours.client.exists(*NOTIFY_KEYS) == 0


def test_outage_is_reported_once_and_the_tasks_that_join_it_some_minutes_later(stage: Stage) -> None:
    for number in range(5):
        stage.task(f"call-{number}", FAILS)
    for number in range(3):
        stage.end(
            f"call-{number}", RunState.FAILURE, f"ConnectError: https://api.example.org/{number} refused"
        )
    assert stage.reported() == ["3 tasks fail: ConnectError: https://api.example.org/0 refused"]
    for number in (3, 4):
        stage.end(
            f"call-{number}", RunState.FAILURE, f"ConnectError: https://api.example.org/{number} refused"
        )
        assert stage.reported() == []
    stage.day.now += timedelta(minutes=5)
    assert [title.partition(":")[0] for title in stage.reported()] == ["2 tasks fail"]
    for number in range(4):
        stage.end(f"call-{number}", RunState.SUCCESS)
        assert stage.reported() == []
    stage.end("call-4", RunState.SUCCESS)
    assert stage.reported() == ["5 tasks work again"]


def test_kill_after_the_decision_loses_and_doubles_no_message(stage: Stage) -> None:
    stage.task("tea", FAILS)
    stage.end("tea", RunState.FAILURE, "no water")

    def killed(*_: object) -> None:
        raise OperationalError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(notifier, "send", killed)
        with pytest.raises(OperationalError):
            stage.notifier().turn()
    assert stage.reported() == ["tea fails: no water"]
    (run,) = stage.day.ours.ledger.runs_of(HANDLER, limit=10)
    assert stage.sent == [run]
    assert stage.reported() == []


def test_beat_that_leads_no_longer_tells_nothing(stage: Stage) -> None:
    stage.task("tea", FAILS)
    stage.end("tea", RunState.FAILURE, "no water")
    former = stage.notifier()
    stage.day.ours.client.set(redis_keys.BEAT_LEADER, "another")
    assert former.turn() == 0
    assert stage.reported() == ["tea fails: no water"]


def test_reminder_comes_while_the_task_is_enabled_and_ends_with_it(stage: Stage) -> None:
    stage.task("tea", {**FAILS, "remind_every": "1h"})
    stage.end("tea", RunState.FAILURE, "no water")
    assert len(stage.reported()) == 1
    stage.day.now += timedelta(minutes=61)
    assert stage.reported() == ["tea still fails: no water"]
    registry = stage.day.ours.registry
    registry.disable("tea")
    stage.day.now += timedelta(minutes=61)
    assert stage.reported() == []
    registry.enable("tea")
    assert stage.reported() == ["tea still fails: no water"]
    registry.unregister("tea")
    stage.day.now += timedelta(minutes=61)
    assert stage.reported() == []
    assert stage.day.ours.client.exists(*NOTIFY_KEYS) == 0


def test_digest_collects_what_happens_and_tells_it_once(stage: Stage) -> None:
    for task, error in (("tea", "no water"), ("cake", "no flour")):
        stage.task(task, {**FAILS, "digest": "1h"})
        stage.end(task, RunState.FAILURE, error)
    stage.end("tea", RunState.SUCCESS)
    assert stage.reported() == []
    stage.day.now += timedelta(minutes=61)
    assert stage.reported() == ["2 tasks fail"]
    text = stage.sent[-1].params["text"]
    assert "and works again\n  no water" in text
    assert "no flour" in text


def test_missed_and_skipped_occurrences_are_reported_unless_a_pause_skipped_them(stage: Stage) -> None:
    day = stage.day
    day.register("late", notify={"on": ["missed"]}, misfire={"policy": "skip"})
    day.register("busy", notify={"on": ["skipped"]}, overlap="skip")
    day.register("paused", notify={"on": ["skipped"]})
    day.pause((A[0], "paused"))
    day.to(3)
    assert stage.reported() == []  # two in a row are not many
    day.to(5)
    assert stage.reported() == ["busy is skipped again and again: " + stage_reason(stage)]
    day.leave(60)
    assert [title.partition(":")[0] for title in stage.reported()] == ["late missed its time"]
    assert ", 54 times, last late@20260302T095900Z" in stage.sent[-1].params["text"]


def test_occurrences_that_newer_ones_displace_count_as_skipped_in_a_row(stage: Stage) -> None:
    stage.day.register("latest", notify={"on": ["skipped"]}, overlap="queue_latest")
    stage.day.to(4)
    assert stage.reported() == []
    stage.day.to(5)
    (title,) = stage.reported()
    assert title.startswith("latest is skipped again and again: overlap policy queue_latest")


def stage_reason(stage: Stage) -> str:
    (first, *_) = [
        run for run in stage.day.ours.ledger.runs_of("busy", limit=10) if run.state is RunState.SKIPPED
    ]
    return str(first.reason)


def test_pauses_and_breakers_are_reported_to_those_who_ask(stage: Stage) -> None:
    wanted = {"on": ["paused"]}
    stage.task("tea", wanted, pause_after_failures=1)
    stage.task("cake", FAILS)
    stage.day.pause((A[0], "tea"), reason="no water")
    stage.day.pause((A[0], "cake"))
    (title,) = stage.reported()
    assert title.startswith("tea is paused or resumed: paused (task:tea) by ")
    stage.day.resume((A[0], "tea"))
    assert "no longer paused (task:tea)" in stage.reported()[0]
    stage.end("tea", RunState.FAILURE)
    assert "circuit breaker (breaker:tea) open since" in stage.reported()[0]
    stage.end("tea", RunState.SUCCESS)
    assert "circuit breaker closed: a run succeeded" in stage.reported()[0]


def test_damaged_keys_and_entries_end_no_run_late_and_stop_no_message(stage: Stage) -> None:
    client = stage.day.ours.client
    stage.task("tea", FAILS)
    client.rpush(redis_keys.NOTICES, "no JSON", '{"event": 1}')
    client.rpush(redis_keys.NOTIFICATIONS, "no JSON")
    client.hset(redis_keys.INCIDENTS, "cake", "no JSON")
    stage.end("tea", RunState.FAILURE, "no water")
    assert stage.reported() == ["tea fails: no water"]
    client.delete(redis_keys.NOTICES)
    client.set(redis_keys.NOTICES, "a string")
    stage.end("tea", RunState.FAILURE, "no water")  # it has ended all the same


def test_secrets_in_errors_are_masked_and_long_ones_are_cut(stage: Stage) -> None:
    stage.task("tea", FAILS)
    stage.end("tea", RunState.FAILURE, "refused https://ada:hunter2@example.org/ \x1b[2J" + "x" * 10_000)
    stage.reported()
    said = stage.sent[-1].params
    assert "hunter2" not in f"{said}"
    assert "\x1b" not in f"{said}"
    assert len(said["title"]) < 200
    assert len(said["text"]) < 2_000
