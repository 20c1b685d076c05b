"""Sending the runs of backfills, a few at a time, so that live runs are not delayed."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from celery import Celery
from redis import Redis

from beat.messages.entry_sender import EntrySender
from mission_control.dispatch.run_control import RunControl
from mission_control.errors import InvalidTaskError, UnknownRunError
from mission_control.events import events
from mission_control.ledger.backfills import BackfillItem, Backfills, OpenBackfill
from mission_control.messaging.message import send
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.backfill import LOWEST_PRIORITY, slots_of
from mission_control.model.runs.backfill_plan import BackfillPlan, BackfillState
from mission_control.model.runs.new_run import backfill_run
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.processes.heartbeats import slots_for
from mission_control.registry.registry import Registry

QUIET_SECONDS: Final = 0.1
"""How long before the next due instant beat sends nothing of a backfill."""

_LONGEST_QUIET: Final = 1.0
_AT_ONCE: Final = 10
_SLOTS_LIFE: Final = 2.0
_FORGOTTEN: Final = "forgotten"


class BackfillRelease:
    """Does a step of all open backfills at each call.

    Guarantees: of all backfills together no more runs are unfinished than the share of the worker slots; a
    run that a killed beat has entered and not sent is sent; of a cancelled backfill no run begins.
    """

    def __init__(
        self,
        client: Redis,
        backfills: Backfills,
        registry: Callable[[], Registry],
        control: RunControl,
        sender: EntrySender,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._backfills = backfills
        self._registry = registry
        self._control = control
        self._sender = sender
        self._clock = clock
        self._sent: set[str] = set()
        self._stepped_at = 0.0
        self._slots: dict[str, tuple[float, int]] = {}

    @property
    def _app(self) -> Celery:
        return self._control.app

    def step(self, next_due: float | None) -> int:
        """Send what may be sent now; return how many runs were sent.

        Shortly before `next_due` (Unix seconds), when a task is due, it leaves that to a later step.
        """
        is_quiet = next_due is not None and next_due - self._clock().timestamp() < QUIET_SECONDS
        if is_quiet and time.monotonic() < self._stepped_at + _LONGEST_QUIET:
            return 0
        self._stepped_at = time.monotonic()
        found = [self._look(one) for one in self._backfills.open(most=_AT_ONCE)]
        self._sent &= {run_id for one in found for run_id in one.unfinished}
        busy, done = sum(len(one.unfinished) for one in found), 0
        going = [one for one in found if one.plan.state is BackfillState.OPEN]
        for at, one in enumerate(sorted(going, key=lambda one: one.plan.released_at)):
            sent = self._release(one, busy, sharing=len(going) - at)
            busy, done = busy + sent, done + sent
        return done

    def _look(self, one: OpenBackfill) -> OpenBackfill:
        """Note the runs that have ended, and return the backfill with the others."""
        ledger, plan = self._control.ledger, one.plan
        runs = {run.execution_id: run for run in ledger.get_all(one.unfinished)}
        ended = {
            name: _FORGOTTEN if (run := runs.get(name)) is None else run.state
            for name in one.unfinished
            if name not in runs or runs[name].state.is_final
        }
        end_run = partial(self._end_run, plan)
        for name, state in ended.items():
            end_run(execution_id=name, state=state)
        if not one.unfinished and not one.items:
            end_run()
        going = {name: run for name, run in runs.items() if name not in ended}
        for run in going.values():
            self._take_care_of(plan, run)
        return replace(one, unfinished=frozenset(going))

    def _end_run(self, plan: BackfillPlan, execution_id: str = "", state: str = "") -> None:
        now = self._clock()
        closed = self._backfills.end_run(plan.backfill_id, now, execution_id=execution_id, state=state)
        if closed is not None:
            events.backfill_over(plan.backfill_id, plan.task_id, closed)

    def _take_care_of(self, plan: BackfillPlan, run: RunRecord) -> None:
        if plan.state is BackfillState.CANCELLED:
            try:
                self._control.cancel(run.execution_id, reason=plan.why_cancelled)
            except UnknownRunError:
                return
        elif run.state is RunState.DISPATCHED and run.execution_id not in self._sent:
            self._send(run)  # another beat has entered it, and may have been killed before it sent it

    def _send(self, run: RunRecord) -> None:
        send(self._app, run, producer=self._sender.producer())
        self._sent.add(run.execution_id)

    def _release(self, one: OpenBackfill, busy: int, *, sharing: int) -> int:
        """Send what one of so many backfills that share the slots may send now; return how many runs."""
        plan, now = one.plan, self._clock()
        if plan.not_before > now.timestamp() or not one.items:
            return 0
        task = self._task(plan)
        if task is None:
            return 0
        free = slots_of(plan.share, self._slots_for(task.queue)) - busy
        sent, not_before = 0, plan.not_before
        for item in one.items[: max(0, math.ceil(free / sharing))]:
            if not_before > now.timestamp():
                break
            not_before = _next_by_rate(plan, not_before, now.timestamp())
            sent += self._enter(plan, task, item, not_before, now)
        return sent

    def _enter(
        self, plan: BackfillPlan, task: TaskDefinition, item: BackfillItem, not_before: float, now: datetime
    ) -> int:
        at, run_id = item.scheduled_time, item.execution_id
        run = backfill_run(task, plan.backfill_id, run_id, at=at, now=now, priority=LOWEST_PRIORITY)
        answer = self._backfills.enter(item, run, not_before=not_before)
        if answer == "entered":
            self._send(run)
        return int(answer != "moved")

    def _task(self, plan: BackfillPlan) -> TaskDefinition | None:
        """Return the task as it is now; if its runs can begin no longer, cancel the backfill."""
        try:
            task = self._registry().definition(plan.task_id, to_run=True)
        except InvalidTaskError as error:
            problem = str(error)
        else:
            if task is not None and (task.enabled or not plan.of_enabled_task):
                return task
            problem = "its task was removed" if task is None else "its task was disabled"
        if self._backfills.cancel(plan.backfill_id, problem):
            events.backfill_cancelled(plan.backfill_id, plan.task_id, problem)
        return None

    def _slots_for(self, queue: str) -> int:
        read_at, slots = self._slots.get(queue, (0.0, 0))
        if time.monotonic() > read_at + _SLOTS_LIFE:
            slots = slots_for(self._client, queue)
            self._slots[queue] = (time.monotonic(), slots)
        return slots


def _next_by_rate(plan: BackfillPlan, not_before: float, now: float) -> float:
    """Return when the next run may be sent; of time that beat did not use, a second counts."""
    if plan.per_second is None:
        return 0.0
    return max(not_before, now - 1.0 if not_before else now) + 1.0 / plan.per_second
