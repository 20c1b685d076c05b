"""A discrete-event simulation of beat and workers: time goes from event to event, with the real decisions.

Beat is taken to be there all the time; where none is up now, the scenario's assumptions say so. A condition
that a function, a file or outputs decide holds as often as it did, and a slot takes as long between two runs.
"""

from __future__ import annotations

import random

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.misfire import Action, Fire, Miss, Skip
from mission_control.model.policies.overlap import Verdict, plan_of
from mission_control.model.policies.retry import RetryIn, decide_retry
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.new_run import expires_at
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import occurrence_execution_id, task_of_run
from mission_control.model.values.instants import from_unix
from mission_control.operate.simulation.beat_decisions import BeatDecisions, Memo
from mission_control.operate.simulation.budget_accounts import BudgetAccounts
from mission_control.operate.simulation.downstream_joins import DownstreamJoins
from mission_control.operate.simulation.event_queue import EventQueue
from mission_control.operate.simulation.experience import Draws
from mission_control.operate.simulation.limit_buckets import LimitBuckets
from mission_control.operate.simulation.scenario import Scenario
from mission_control.operate.simulation.simulated_run import SimulatedRun
from mission_control.operate.simulation.turns_of_task import TurnsOfTasks
from mission_control.operate.simulation.witness import Witness
from mission_control.operate.simulation.work_queues import Pool, WorkQueues


class Engine(EventQueue):
    """One possible course of events, which `rng` decides.

    `memo` may be shared by the engines of one scenario: it keeps what the timetable alone decides.
    """

    def __init__(
        self, scenario: Scenario, rng: random.Random, witness: Witness, memo: Memo | None = None
    ) -> None:
        super().__init__(scenario.now.timestamp())
        self.draws = Draws(scenario.known, scenario.default, rng)
        self.queues = WorkQueues(scenario.workers)
        self.limits = LimitBuckets(scenario.limits, scenario.arrivals)
        self.budgets = BudgetAccounts(scenario.budgets, scenario.spent, self.draws)
        self.turns = TurnsOfTasks()
        self.joins = DownstreamJoins(scenario.tasks)
        self.decisions = BeatDecisions(scenario, self.draws, memo)
        self._hand_over = scenario.hand_over
        self._witness = witness
        self._rng = rng
        self._tasks = scenario.tasks
        self._due = {name: at for name, at in scenario.due.items() if name in scenario.tasks}
        for name, at in self._due.items():
            self.call_at(at, self._turn, scenario.tasks[name])

    def put(self, run: SimulatedRun) -> None:
        """Put a run on its queue; a free worker begins it at once."""
        run.ready = self.now
        pool = self.queues.put(run)
        if pool is not None:
            self._serve(pool)

    def at(self, at: float, run: SimulatedRun) -> None:
        """Put a run on its queue at a time."""
        self.call_at(at, self.put, run)

    def go_on(self, run: SimulatedRun, seconds: float) -> None:
        """Let a run that is running go on for so many seconds, in a slot of its queue."""
        pools = [one for one in self.queues.pools if one.queues is None or run.work.queue in one.queues]
        self.limits.hold(run)
        self._work_on(run, max(pools or self.queues.pools, key=lambda one: one.free), seconds)

    # Beat's part.

    def _turn(self, task: TaskDefinition) -> None:
        """Do what a task that is due needs."""
        decision = self.decisions.decided(task, self._due.pop(task.id), self.now)
        are_fired = [self._carry_out(task, action) for action in decision.actions]
        next_due = decision.next_due
        if task.schedule.is_fixed_delay and next_due is None and not any(are_fired):
            following = task.schedule.next_after(from_unix(self.now))
            next_due = None if following is None else following.timestamp()
        self._schedule(task, next_due)

    def _schedule(self, task: TaskDefinition, due: float | None) -> None:
        if due is not None and task.id not in self._due:
            self._due[task.id] = due
            self.call_at(due, self._turn, task)

    def _carry_out(self, task: TaskDefinition, action: Action) -> bool:
        """Do what was decided about an occurrence; return whether a run of it was entered."""
        execution_id = occurrence_execution_id(task.id, action.scheduled_time)
        if not isinstance(action, Fire):
            self._unfired(task, execution_id, action)
            return False
        seen = self.decisions.seen(task)
        due = action.due.timestamp() + seen.spread.total_seconds()
        return self._fire(task, SimulatedRun(seen.work, execution_id, due), action)

    def _fire(self, task: TaskDefinition, run: SimulatedRun, action: Fire) -> bool:
        """Enter a run as the script of beat does: overlap first, then budgets."""
        verdict, blocker = Verdict.START, None
        is_backlog = action.is_catch_up and task.misfire.policy == "all"
        if not is_backlog and (blocker := self.turns.blocker(task.id)) is not None:
            plan = plan_of(task.overlap, task.queue_limit)
            verdict = plan.full if self.turns.count_waiting(task.id) >= plan.limit else plan.blocked
        if verdict is Verdict.SKIP:
            self._unfired(task, run.execution_id, _by_overlap(action, blocker), run.root)
            return False
        over = self.budgets.reserve(run, self.now) if run.work.budgets else None
        if over is not None:
            skip = Skip(action.scheduled_time, "", Cause("budget", layer=over))
            self._unfired(task, run.execution_id, skip, run.root)
            return False
        expires = expires_at(task, action.due, from_unix(self.now))
        run.expires = None if expires is None else expires.timestamp()
        self._witness.fired(self.now)
        if verdict is not Verdict.START:
            self._wait(task, run, verdict, blocker)
            return True
        if not is_backlog:
            self.turns.count(run)
        self.put(run)
        return True

    def _wait(
        self, task: TaskDefinition, run: SimulatedRun, verdict: Verdict, blocker: SimulatedRun | None
    ) -> None:
        displaced = [] if verdict is Verdict.WAIT else self.turns.displace(task.id)
        self._witness.held_up("overlap")
        self.turns.wait(run)
        for old in displaced:
            self.budgets.give_back(old)
            self._unfired(task, old.execution_id, _by_overlap(Fire(from_unix(old.due)), blocker), old.root)
        if verdict is Verdict.REPLACE:
            for one in self.turns.counting(task.id):
                self._stop(one)

    def _unfired(self, task: TaskDefinition, execution_id: str, action: Miss | Skip, root: str = "") -> None:
        self._witness.unfired(task.id, action)
        state = RunState.SKIPPED if isinstance(action, Skip) else RunState.MISSED
        self._release(execution_id, state, action.cause, root)

    def _release(self, execution_id: str, state: RunState, cause: Cause | None, root: str = "") -> None:
        """Fire or skip what comes after a run that is over."""
        if not self.joins.has_followers(task_of_run(execution_id)):
            return
        now = from_unix(self.now)
        for task, name, origin, action in self.joins.ended(execution_id, root, state, cause, now):
            decided = self.decisions.allowed(task, action, self.now) if isinstance(action, Fire) else action
            if isinstance(decided, Fire):
                run = SimulatedRun(self.decisions.seen(task).work, name, self.now, origin)
                self._fire(task, run, decided)
            else:
                self._unfired(task, name, decided, origin)

    # The workers' part.

    def _serve(self, pool: Pool) -> None:
        """Let a pool begin what waits, as long as it has free slots."""
        while pool.free > 0:
            run = self.queues.take(pool)
            if run is None:
                return
            if not run.is_cancelled:
                self._begin(run, pool)

    def _begin(self, run: SimulatedRun, pool: Pool) -> None:
        if run.attempt == 0 and run.expires is not None and run.expires < self.now:
            self._finish(run, RunState.EXPIRED)
            return
        if run.attempt > 0 and run.reserved and not self.budgets.allows_again(run, self.now):
            self._finish(run, RunState.FAILURE)
            return
        waits = self.limits.admit(run, self.now) if run.work.limits else None
        if waits is not None:
            bucket, at = waits
            self._witness.held_up(bucket.limit.name)
            if at is not None:
                self.at(at, run)
            return
        run.attempt += 1
        self._witness.started(run, self.now + self._hand_over)
        self._work_on(run, pool, self.draws.seconds(run.work.task_id), self._hand_over)

    def _work_on(self, run: SimulatedRun, pool: Pool, seconds: float, before: float = 0.0) -> None:
        run.pool, timeout = pool, run.work.timeout
        pool.occupy(self.now)
        is_too_long = timeout is not None and seconds > timeout
        run.fails = is_too_long or self.draws.fails(run.work.task_id)
        seconds = timeout if timeout is not None and is_too_long else seconds
        self.call_at(self.now + before + seconds, self._attempt_over, run)

    def _attempt_over(self, run: SimulatedRun) -> None:
        pool = run.pool
        if run.is_cancelled or pool is None:
            return
        self._leave(run, pool)
        self._conclude(run)
        self._serve(pool)

    def _stop(self, run: SimulatedRun) -> None:
        """Cancel a run, wherever it stands."""
        run.is_cancelled, pool = True, run.pool
        if pool is not None:
            self._leave(run, pool)
        self._finish(run, RunState.CANCELLED)
        if pool is not None:
            self._serve(pool)

    def _leave(self, run: SimulatedRun, pool: Pool) -> None:
        run.pool = None
        pool.vacate(self.now)
        for called in self.limits.freed(run):
            self.at(self.now, called)

    def _conclude(self, run: SimulatedRun) -> None:
        """Decide what follows an attempt that has just ended."""
        if run.reserved:
            self.budgets.spend(run, self.now)
        if not run.fails:
            self._finish(run, RunState.SUCCESS)
            return
        follows = decide_retry(run.work.retry, attempt=run.attempt, retryable=True, rng=self._rng)
        if isinstance(follows, RetryIn):
            self.at(self.now + follows.delay.total_seconds(), run)
        else:
            self._finish(run, RunState.FAILURE)

    def _finish(self, run: SimulatedRun, state: RunState) -> None:
        task, run.state = self._tasks.get(run.work.task_id), state
        self.limits.forget(run)
        self.budgets.give_back(run)
        self._witness.ended(run, self.now)
        self.decisions.note_end(run, state, self.now)
        if (released := self.turns.over(run)) is not None:
            self.at(self.now, released)
        if task is None:
            return
        if task.schedule.is_fixed_delay and task.enabled:
            following = task.schedule.next_after(from_unix(self.now))
            self._schedule(task, None if following is None else following.timestamp())
        self._release(run.execution_id, state, None, run.root)


def _by_overlap(action: Fire, blocker: SimulatedRun | None) -> Skip:
    run = None if blocker is None else blocker.execution_id
    return Skip(action.scheduled_time, "", Cause("overlap", run=run))
