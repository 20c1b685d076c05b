"""An hour of mixed tasks under a real beat, whose time the test sets, is decided about again: all the same.

`make chaos` runs it with 200 tasks: HOUR_TASKS says how many.
"""

from __future__ import annotations

import os
import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import pytest

from beat.scheduler import MissionControlScheduler
from mission_control.configuration.settings import read_settings
from mission_control.dispatch.run_ending import RunEnding
from mission_control.installation.installation import Installation, create_app
from mission_control.ledger.claims import BeginVerdict
from mission_control.model.definitions.task_parts import RetryPolicy
from mission_control.model.policies.pause import PauseKind, PauseLayer
from mission_control.model.policies.retry import RetryIn, decide_retry
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.instants import from_unix
from mission_control.operate.simulation.recording import Recording
from mission_control.operate.simulation.replay import Compared, count, replayed
from mission_control.store import redis_keys
from tests.stage.servers import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mission_control.model.runs.run_record import RunRecord
    from mission_control.operate.simulation.recorded import Recorded

pytestmark = pytest.mark.starts_early

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TASKS = int(os.environ.get("HOUR_TASKS", "24"))
DECISIONS = {
    *("fired", "tried again", "given up", "missed class misfire"),
    *(
        f"skipped class {kind}"
        for kind in ("condition", "paused", "budget", "overlap", "upstream", "breaker")
    ),
}


class Hour:
    """An installation whose time is `now`, a beat of it, and runs that take random times."""

    def __init__(self, server: RedisServer, folder: Path) -> None:
        self.now = NINE
        self.rng = random.Random(13)
        settings = read_settings(redis_url=server.url, data_dir=folder, notify=())
        self.installation = Installation(settings, clock=lambda: self.now)
        self.ending = RunEnding.of(self.installation)
        self._events: list[tuple[datetime, int, str, int]] = []
        self._count = 0
        self._beat = MissionControlScheduler(
            create_app("beat", lambda: self.installation),
            installation=self.installation,
            deliver=self._send,
            lazy=True,
        )

    def go_to(self, end: datetime, *, with_beat: bool = True) -> None:
        """Go from instant to instant up to `end`: what is due is fired, runs begin and end."""
        while True:
            due = self._next_due() if with_beat else None
            soonest = min(
                [at for at in (due, self._events[0][0] if self._events else None) if at is not None],
                default=end,
            )
            if soonest >= end:
                self.now = end
                return
            self.now = max(self.now, soonest)
            is_due = due is not None and due <= self.now
            while self._events and self._events[0][0] <= self.now:
                attempt = self._events[0][3]
                self._step(*heappop(self._events)[2:])
                is_due = is_due or attempt == 0  # an end may have others follow
            if with_beat and is_due:
                self._beat.fire_due(self.now)

    def _next_due(self) -> datetime | None:
        found: Any = self.installation.client.zrange(
            redis_keys.DEFAULT_REDBEAT_KEYS.schedule, 0, 0, withscores=True
        )
        return from_unix(found[0][1]) if found else None

    def _send(self, run: RunRecord) -> None:
        if run.waits_for is None:
            self._later(3.001, run.execution_id, run.attempt + 1)

    def _later(self, seconds: float, execution_id: str, attempt: int) -> None:
        self._count += 1
        # No two steps are at one instant: on record, which was first would not be known.
        at = self.now + timedelta(seconds=seconds, microseconds=self._count)
        heappush(self._events, (at, self._count, execution_id, attempt))

    def _step(self, execution_id: str, attempt: int) -> None:
        if attempt > 0:
            self._begin(execution_id, attempt)
        else:
            self._end(execution_id)

    def _begin(self, execution_id: str, attempt: int) -> None:
        reply = self.installation.ledger.begin(execution_id, attempt, worker="w", at=self.now)
        run = reply.run
        if reply.verdict is BeginVerdict.CANCEL and run is not None:
            self._over(self.ending.ledger.end(run, RunState.CANCELLED, at=self.now))
        elif reply.verdict is BeginVerdict.BEGUN:
            self._later(self.rng.choice([2.0, 20.0, 200.0]) * self.rng.random(), execution_id, 0)

    def _end(self, execution_id: str) -> None:
        run = self.installation.ledger.get(execution_id)
        assert run is not None
        has_failed = run.task_id.endswith("8") or self.rng.random() < 0.1
        state, changes = RunState.SUCCESS, dict[str, Any]()
        if has_failed:
            state, changes = RunState.FAILURE, {"error": "E"}
        follows = decide_retry(
            RetryPolicy.model_validate(run.retry_policy), attempt=run.attempt, retryable=True
        )
        if has_failed and isinstance(follows, RetryIn):
            state, changes = RunState.RETRYING, {"retry_at": self.now + follows.delay}
        if run.cancel_requested is not None:
            state, changes = RunState.CANCELLED, {}
        ended = self.ending.ledger.end(run, state, at=self.now, next_due=self._delay(run, state), **changes)
        if state is RunState.RETRYING and ended is not None:
            self._later(
                (ended.retry_at - self.now).total_seconds() if ended.retry_at else 0,
                execution_id,
                run.attempt + 1,
            )
        else:
            self._over(ended)

    def _delay(self, run: RunRecord, state: RunState) -> float | None:
        is_fixed = state.is_final and run.is_fixed_delay
        return self.installation.registry.due_after_run(run.task_id, self.now) if is_fixed else None

    def _over(self, run: RunRecord | None) -> None:
        assert run is not None
        if run.released_run is not None:
            self._later(1.0, run.released_run, 1)
        self.installation.breakers.after_run(run)


def mixed_task(at: int) -> dict[str, Any]:
    """Return one of many tasks: ten schedules, and every policy that decides about runs."""
    schedules: list[Any] = [
        "every 5m",
        "every 90s",
        {"type": "cron", "expression": f"{at % 60} * * * *"},
        {"type": "interval", "minutes": 7, "spread_seconds": 40},
        {"type": "interval", "minutes": 4, "measure_from": "finish"},
        {"type": "daily", "times": ["09:10", "09:30", "09:50"], "exclude": ["monday"] if at % 3 == 0 else []},
        "every 2m",
    ]
    policies: list[dict[str, Any]] = [
        {"overlap": "skip"},
        {"overlap": "queue", "queue_limit": 2},
        {"overlap": "queue_latest"},
        {"overlap": "allow"},
        {"overlap": "replace"},
        {"misfire": {"policy": "all"}, "tags": ["late"]},
        {"misfire": {"policy": "skip"}, "condition": {"window": "09:15-09:40"}},
        {"condition": "workday", "tags": ["hot"]},
        {"pause_after_failures": 2, "probe_after": ["10m"], "retry_policy": {"max_retries": 0}},
        {"budgets": ["few"]},
        {"condition": "previous_failed"},
        {"condition": {"file_changed": "/dev/null/absent" if at % 2 else __file__}},
    ]
    retries = {"max_retries": at % 3, "retry_delay_seconds": 45, "backoff": "exponential"}
    task = {"id": f"task-{at}", "handler": "handlers.hello.run", "retry_policy": retries}
    if at % 10 == 9:
        upstream = [{"task": f"task-{at - 1}", "on": ("success", "failure", "any")[at % 3]}]
        return {**task, "after": upstream, **policies[at % 5]}
    return {**task, "schedule": schedules[at % len(schedules)], **policies[at % len(policies)]}


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hour]:
    """An hour with mixed tasks, a pause, an outage of beat, and an edit."""
    with RedisServer() as server:
        hour = Hour(server, tmp_path_factory.mktemp("hour"))
        ours = hour.installation
        ours.budgets.set_all([ours.budgets.kind(name="few", runs=f"{TASKS // 5}/d")])
        for at in range(TASKS):
            assert ours.registry.register(mixed_task(at))
        hour.go_to(NINE + 12 * MINUTE + timedelta(seconds=7))
        pause = PauseLayer(
            PauseKind.TAG, "hot", since=hour.now, who=ours.pauses.who, reason="x", until=NINE + 20 * MINUTE
        )
        ours.pauses.set([pause])
        hour.go_to(NINE + 25 * MINUTE + timedelta(seconds=7))
        ours.registry.update("task-1", {"schedule": "every 3m", "overlap": "skip"})
        hour.go_to(NINE + 33 * MINUTE + timedelta(seconds=7), with_beat=False)
        hour.go_to(NINE + HOUR)
        yield hour


@pytest.fixture(scope="module")
def recorded(hour: Hour) -> Recorded:
    ours = hour.installation
    recording = Recording(ours.client, ours.registry, ours.ledger, ours.settings.task_changes_log)
    return recording.of(NINE, NINE + HOUR)


def lines(found: list[Compared]) -> list[str]:
    return [
        f"{one.execution_id}: {one.recorded} | {one.replayed}" for one in found if one.is_equal is not True
    ]


def test_hour_of_mixed_tasks_is_decided_again_exactly(recorded: Recorded) -> None:
    found = list(replayed(recorded))
    assert lines(found) == []
    assert count(found) == {"equal": len(found), "different": 0, "unknown": 0}
    assert {re.split("[,:]", one.recorded)[0] for one in found} >= DECISIONS


def test_changed_record_is_found(recorded: Recorded) -> None:
    run = next(one for one in recorded.runs if one.task_id == "task-3" and one.state is RunState.SUCCESS)
    forged = replace(
        run,
        state=RunState.SKIPPED,
        attempt=0,
        finished_at=run.dispatched_at,
        cause={"class": "paused", "layer": "all"},
    )
    others = [one for one in recorded.runs if one is not run]
    found = [one for one in replayed(replace(recorded, runs=[*others, forged])) if one.is_equal is False]
    assert [(one.execution_id, one.recorded, one.replayed) for one in found] == [
        (run.execution_id, "skipped class paused, layer all", "fired")
    ]
