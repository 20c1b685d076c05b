"""Random graphs, policies, limits, pauses, changes by hand, clock jumps and kills, against a plain model.

After every step each occurrence that should be has one run, which is over with one true cause, or waits for
something that is there. `make chaos` runs the long one: POLICY_EXAMPLES says how many histories.

This file has more than 250 lines because a state machine is one class.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_args
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from beat.firing.commit import Commit
from beat.follow_up.unfired_records import UnfiredRecords
from beat.scheduler import MissionControlScheduler
from mission_control.dispatch.run_control import RunControl
from mission_control.installation.installation import create_app
from mission_control.ledger.claims import BeginVerdict
from mission_control.ledger.upstream_runs import UpstreamRuns
from mission_control.model.composition.joining import Join, On
from mission_control.model.policies.overlap import OverlapPolicy
from mission_control.model.policies.pause import PauseKind
from mission_control.model.runs.run_state import WAITING_STATES, RunState
from mission_control.operate.occurrences import Occurrences
from mission_control.operate.pausing import Pausing
from mission_control.operate.resuming import Resuming
from mission_control.store import redis_keys
from mission_control.sweep.late_records import LateRecords
from mission_control.sweep.sweep import Sweep
from tests.processes.pipelines import NINE, World
from tests.properties.policy_model import (
    HOUR,
    ON_TIME,
    Pause,
    Plan,
    Task,
    outcome_of,
    run_id,
    to_blame,
    verdict,
)
from tests.samples.ledger_runs import lapse
from tests.stage.audit_stream import final_records_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mission_control.installation.installation import Installation
    from mission_control.model.runs.run_record import RunRecord

EXAMPLES = int(os.environ.get("POLICY_EXAMPLES", "8"))
STEPS = 25
LIMIT = "api"
ENDS = [*[RunState.SUCCESS] * 3, RunState.FAILURE, RunState.TIMED_OUT, RunState.CANCELLED]
SELECTORS = [(PauseKind.TASK, "t0"), (PauseKind.TASK, "t2"), (PauseKind.TAG, "x"), (PauseKind.ALL, "")]
DEATHS: dict[str, tuple[type, str]] = {
    "commit": (Commit, "begin"),
    "looked at": (UpstreamRuns, "looked_at"),
    "records": (UnfiredRecords, "write"),
}
NEVER_BEGUN = {RunState.SKIPPED, RunState.MISSED}
which = st.integers(0, 9)


class KilledError(BaseException):
    """The end of beat in the middle of something."""


@st.composite
def plans(draw: st.DrawFn) -> list[Task]:
    """Draw a task that is due every hour, and some that come after it, or after earlier ones of these."""
    policies = {"overlap": st.sampled_from(get_args(OverlapPolicy)), "tag": st.sampled_from("xy")}

    def more() -> dict[str, Any]:
        return {name: draw(one) for name, one in policies.items()}

    tasks = [Task("t0", misfire=draw(st.sampled_from(["latest", "all", "skip"])), **more())]
    below = ["t0"]
    for at in range(1, draw(st.integers(2, 5))):
        names = draw(st.lists(st.sampled_from(below), min_size=1, max_size=3, unique=True))
        after = tuple((one, draw(st.sampled_from(get_args(On)))) for one in names)
        tasks.append(Task(f"t{at}", after, draw(st.sampled_from(get_args(Join))), **more()))
        below.append(f"t{at}")
    return tasks


class PolicyMachine(RuleBasedStateMachine):
    """Drives beat, ledger and registry on a real server, by a clock of its own."""

    installation: Installation

    def __init__(self) -> None:
        super().__init__()
        self.installation.client.flushall()
        self.installation.settings.task_execution_log.unlink(missing_ok=True)
        self.world = World(self.installation)
        self.ours, self.ledger = self.world.ours, self.world.ledger
        self.control = RunControl.of(self.ours)
        self.sweeper = Sweep.of(self.ours.celery, self.ours)
        self.plan = Plan()
        self.concurrency = 1
        self.moves = 0
        self.fired_until = NINE
        self.seen: dict[str, RunRecord] = {}
        self.was_active: dict[str, set[str]] = {}

    @initialize(tasks=plans())
    def register(self, tasks: list[Task]) -> None:
        self.ours.limits.set({"name": LIMIT, "concurrency": self.concurrency})
        for task in tasks:
            more: dict[str, Any] = {"overlap": task.overlap, "tags": [task.tag], "limits": [LIMIT]}
            more["misfire"] = {"policy": task.misfire, "grace_seconds": 10 * 86_400}
            if task.after:
                more |= {"after": [{"task": one, "on": on} for one, on in task.after], "join": task.join}
                more["schedule"] = None
            self.world.root(task.task_id, **more)
            self.plan.tasks[task.task_id] = task

    # What happens.

    @rule(hours=st.sampled_from([0, 1, 1, 1, 2, 5]))
    def time_passes(self, hours: int) -> None:
        self.world.now += hours * HOUR
        self.fire()

    @rule()
    def clock_steps_back(self) -> None:
        self.world.now -= HOUR / 2
        self.fire()

    @rule(how=st.sampled_from(sorted(DEATHS)), is_done=st.booleans(), hours=st.integers(0, 2))
    def beat_is_killed(self, how: str, is_done: bool, hours: int) -> None:
        """Kill beat before, or after, it has done something, and start another."""
        self.world.now += hours * HOUR
        kind, method = DEATHS[how]
        original = getattr(kind, method)

        def die(*args: Any, **more: Any) -> None:
            if is_done:
                done = original(*args, **more)
                if callable(done):  # what it sent is carried out as well
                    done()
            raise KilledError

        try:
            with patch.object(kind, method, die):
                self.world.fire()
        except KilledError:
            self.ours.client.delete(redis_keys.BEAT_LEADER)
            self.world.beat.close()
            app = create_app("beat", lambda: self.ours)
            self.world.beat = MissionControlScheduler(app, installation=self.ours, lazy=True)
        self.fire()

    @rule(at=which)
    def begin(self, at: int) -> None:
        for run in self.in_states(*WAITING_STATES)[at : at + 1]:
            self.begin_run(run)
        self.fire()

    @rule(at=which, state=st.sampled_from(ENDS), is_recorded=st.booleans())
    def end(self, at: int, state: RunState, is_recorded: bool) -> None:
        """End a run; a worker that is killed then leaves its record to others."""
        for run in self.in_states(RunState.RUNNING)[at : at + 1]:
            self.end_run(run, state, is_recorded=is_recorded)
        self.fire()

    @rule(at=which)
    def retry(self, at: int) -> None:
        for run in self.in_states(RunState.RUNNING)[at : at + 1]:
            later = self.world.now + HOUR
            self.end_run(run, RunState.RETRYING, retry_at=later)

    @rule(at=which)
    def worker_is_killed(self, at: int) -> None:
        for run in self.in_states(RunState.RUNNING)[at : at + 1]:
            lapse(self.ours, run.execution_id)
            assert self.world.ending.interrupt(run, is_lapsed=True) is not None

    @rule(at=which)
    def cancel(self, at: int) -> None:
        for run in self.in_states(*WAITING_STATES)[at : at + 1]:
            self.control.cancel(run.execution_id, reason="by hand")
        self.fire()

    @rule(selector=st.sampled_from(SELECTORS))
    def pause(self, selector: tuple[PauseKind, str]) -> None:
        name = ":".join(filter(None, (str(selector[0]), selector[1])))
        is_new = not any(one.layer == name and one.until is None for one in self.plan.pauses)
        if (
            is_new
            and (selector[0] is not PauseKind.TAG or self.has_tag(selector[1]))
            and self.has_task(selector)
        ):
            pausing = Pausing(
                self.ours.registry, self.ours.pauses, self.control, self.ours.backfills, self.ours.clock
            )
            self.plan.pauses.append(Pause(name, self.world.now))
            pausing.pause([selector])
            self.fire()

    @precondition(lambda self: self.paused())
    @rule()
    def resume(self) -> None:
        pause = self.paused()[0]
        kind, _, value = pause.layer.partition(":")
        resuming = Resuming(
            self.ours.registry, self.ours.pauses, self.ledger, lambda: self.world.dispatch, self.ours.clock
        )
        resuming.resume([(PauseKind(kind), value)])
        pause.until = self.world.now
        self.fire()

    @rule(is_moved=st.booleans(), minutes=st.sampled_from([20, 90, 310]))
    def change_next_occurrence(self, is_moved: bool, minutes: int) -> None:
        ours = self.ours
        occurrences = Occurrences(ours.registry, ours.occurrences, ours.ledger, ours.clock)
        if is_moved and any(one.until is None for one in self.plan.pauses):
            return  # nothing is moved into a pause
        self.moves += 1  # no two are moved to one second
        to = self.fired_until + timedelta(minutes=minutes, seconds=7, microseconds=self.moves)
        change = occurrences.move("t0", None, to) if is_moved else occurrences.skip("t0")
        self.plan.skipped.discard(change.execution_id)
        if change.is_skipped:
            self.plan.skipped.add(change.execution_id)
        if change.to is not None:
            self.plan.moved[change.execution_id] = change.to

    @rule(concurrency=st.integers(1, 3))
    def change_limit(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.ours.limits.set({"name": LIMIT, "concurrency": concurrency})

    @rule()
    def sweep(self) -> None:
        self.sweeper.look()
        self.fire()

    # What must hold.

    @invariant()
    def every_occurrence_has_one_run(self) -> None:
        runs = self.runs()
        expected = {one for _, one, _ in self.plan.due_ids(NINE, self.fired_until)}
        roots = {one for one in runs if "@after-" not in one}
        assert roots == expected
        for task in self.plan.tasks.values():
            for root in roots if task.after else ():
                should, run = verdict(task, root, runs), runs.get(run_id(task.task_id, root))
                assert (run is None) is (should == "wait"), (task, root, should)
                if run is not None:
                    is_skipped = run.cause is not None and run.cause["class"] == "upstream"
                    assert is_skipped is (should == "skip"), (run, should)

    @invariant()
    def every_new_skip_has_a_true_cause(self) -> None:
        runs = self.runs()
        for execution_id, run in runs.items():
            before = self.seen.get(execution_id)
            if run.state in NEVER_BEGUN and (before is None or not before.state.is_final):
                self.check_cause(run, runs)
        self.seen = runs
        self.was_active = {
            task_id: {one for one, run in runs.items() if run.task_id == task_id and not run.state.is_final}
            for task_id in self.plan.tasks
        }

    @invariant()
    def slots_are_those_of_running_runs(self) -> None:
        slots = self.slots()
        assert slots.keys() - {"", "@"} == {run.execution_id for run in self.in_states(RunState.RUNNING)}
        assert slots.get("", 0) == len(slots.keys() - {"", "@"})

    @invariant()
    def what_waits_waits_for_something(self) -> None:
        runs = self.runs()
        for run in runs.values():
            if run.waits_for is not None and not run.state.is_final:
                assert not runs[run.waits_for].state.is_final, run
            if run.limited_by is not None:
                assert not run.state.is_final
                assert self.ours.client.zscore(redis_keys.PARKED, run.execution_id) is not None

    @invariant()
    def runs_of_a_task_overlap_only_if_it_says_so(self) -> None:
        running = [run.task_id for run in self.in_states(RunState.RUNNING)]
        for task_id, task in self.plan.tasks.items():
            if task.overlap != "allow" and (task.after or task.misfire != "all"):
                assert running.count(task_id) <= 1

    def teardown(self) -> None:
        """Let everything end, and look at what is left and recorded."""
        if not self.plan.tasks:
            return
        self.world.now = max([self.world.now, *(one.since for one in self.paused())])
        while self.paused():
            self.resume()
        self.change_limit(9)
        for _ in range(100):
            if not self.ledger.active():
                break
            for run in self.in_states(*WAITING_STATES):
                self.begin_run(run)
            for run in self.in_states(RunState.RUNNING):
                self.end_run(run, RunState.SUCCESS)
            self.sweeper.look()
            self.fire()
        self.world.now = max(self.world.now, self.fired_until) + timedelta(minutes=2)
        self.fire()
        self.every_occurrence_has_one_run()
        self.every_new_skip_has_a_true_cause()
        self.check_nothing_is_left()
        self.world.beat.close()

    # How.

    def fire(self) -> None:
        """Let beat take as many turns as it has something to do."""
        schedule = redis_keys.DEFAULT_REDBEAT_KEYS.schedule
        self.world.fire()
        while self.ours.client.zcount(schedule, "-inf", self.world.now.timestamp()):
            self.world.fire()
        self.fired_until = max(self.fired_until, self.world.now)

    def begin_run(self, run: RunRecord) -> None:
        reply = self.ledger.begin(run.execution_id, run.retries + 1, worker="w", at=self.world.now)
        match reply.verdict:
            case BeginVerdict.BEGUN:
                assert reply.run is not None
                assert reply.run.waits_for is None
                assert self.slots()[""] <= self.concurrency
            case BeginVerdict.CANCEL:
                self.end_run(run, RunState.CANCELLED)
            case BeginVerdict.POISONED:
                self.end_run(run, RunState.LOST)
            case verdict:
                assert verdict in {BeginVerdict.WAITS, BeginVerdict.LIMITED}

    def end_run(self, run: RunRecord, state: RunState, *, is_recorded: bool = True, **changes: Any) -> None:
        ended = self.world.ending.end(run, state, at=self.world.now, **changes)
        assert ended is not None
        if is_recorded:
            self.world.ending.record(ended, at=self.world.now)

    def runs(self) -> dict[str, RunRecord]:
        found: dict[str, RunRecord] = {}
        for task_id in self.plan.tasks:
            found |= {run.execution_id: run for run in self.ledger.runs_of(task_id, limit=1_000)}
        return found

    def in_states(self, *states: RunState) -> list[RunRecord]:
        return [run for run in self.ledger.active() if run.state in states]

    def slots(self) -> dict[str, int]:
        stored: Any = self.ours.client.hgetall(redis_keys.LimitKeys(LIMIT).of("slots"))
        return {run: int(float(weight)) for run, weight in stored.items()}

    def paused(self) -> list[Pause]:
        """The pauses in force, which none is before it was set."""
        return [one for one in self.plan.pauses if one.until is None and one.since <= self.world.now]

    def has_tag(self, tag: str) -> bool:
        return any(task.tag == tag for task in self.plan.tasks.values())

    def has_task(self, selector: tuple[PauseKind, str]) -> bool:
        return selector[0] is not PauseKind.TASK or selector[1] in self.plan.tasks

    def check_cause(self, run: RunRecord, runs: Mapping[str, RunRecord]) -> None:
        assert run.cause is not None
        assert run.reason
        task, now = self.plan.tasks[run.task_id], self.world.now
        match run.cause["class"]:
            case "overlap":
                was = self.was_active.get(task.task_id, set())
                others = was | {one for one in runs if runs[one].task_id == task.task_id} - self.seen.keys()
                assert run.cause["run"] in others - {run.execution_id}, run
                assert task.overlap != "allow"
            case "paused":
                due = self.plan.moved.get(run.execution_id, run.scheduled_time)
                pauses = [one for one in self.plan.pauses if one.layer == run.cause["layer"]]
                assert any(one.selects(task) and one.explains(due) for one in pauses), run
            case "upstream":
                assert run.root is not None
                assert run.cause["run"] in to_blame(self.plan.tasks, task.task_id, run.root, runs), run
                assert run.cause["outcome"] == outcome_of(runs[run.cause["run"]]), run
            case "skipped_by_hand":
                assert run.execution_id in self.plan.skipped
            case "misfire":
                assert run.state is RunState.MISSED
                assert now - self.plan.moved.get(run.execution_id, run.scheduled_time) > ON_TIME, run
            case other:
                raise AssertionError(other)

    def check_nothing_is_left(self) -> None:
        runs, client = self.runs(), self.ours.client
        left = {run.execution_id: str(run.state) for run in runs.values() if not run.state.is_final}
        assert left == {}
        LateRecords.of(self.ours).write(grace=timedelta(0))
        records = [one for task_id in self.plan.tasks for one in final_records_of(self.ours, task_id)]
        recorded = {one["execution_id"]: (one["status"], one.get("cause")) for one in records}
        counts = Counter(one["execution_id"] for one in records)
        assert [one for one, count in counts.items() if count > 1] == []
        assert recorded == {one: (str(run.state), run.cause) for one, run in runs.items()}
        for pattern in ("mc:limits:*", "mc:task:*:waiting", "mc:task:*:active", redis_keys.FIRST_ACTIVE_RUNS):
            assert client.keys(pattern) == []
        for key in (
            redis_keys.PARKED,
            redis_keys.LEASES,
            redis_keys.PENDING_RECORDS,
            redis_keys.UPSTREAM_RUNS,
        ):
            assert client.exists(key) == 0, key


def test_whatever_happens_each_occurrence_has_one_run_with_one_true_cause(installation: Installation) -> None:
    PolicyMachine.installation = installation
    run_state_machine_as_test(
        PolicyMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            phases=[Phase.generate],  # whatever fails is short enough, and each history takes a while
        ),
    )
