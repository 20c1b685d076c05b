"""Queues and the slots of workers: lists of priorities, in each of which the tasks take turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from mission_control.operate.simulation.scenario import Workers
from mission_control.operate.simulation.simulated_run import SimulatedRun

_STEPS = 4


class _Lanes:
    """The runs of one priority on a queue, a lane a task, each first in, first out."""

    __slots__ = ("lanes", "turns")

    def __init__(self) -> None:
        self.lanes: dict[str, deque[SimulatedRun]] = {}
        self.turns: deque[str] = deque()

    def put(self, run: SimulatedRun) -> None:
        task_id = run.work.task_id
        lane = self.lanes.get(task_id)
        if lane is None:
            self.lanes[task_id] = deque((run,))
            self.turns.append(task_id)
        else:
            lane.append(run)

    def take(self) -> SimulatedRun:
        task_id = self.turns.popleft()
        lane = self.lanes[task_id]
        run = lane.popleft()
        if lane:
            self.turns.append(task_id)
        else:
            del self.lanes[task_id]
        return run


class Pool:
    """The slots of some workers."""

    __slots__ = ("_taken", "free", "queues", "slots")

    def __init__(self, workers: Workers) -> None:
        self.slots = self.free = workers.slots
        self.queues = None if workers.queues is None else deque(sorted(workers.queues))
        self._taken = 0.0  # ends less beginnings of the times in which a slot was taken

    def occupy(self, now: float) -> None:
        """Take a slot."""
        self.free -= 1
        self._taken -= now

    def vacate(self, now: float) -> None:
        """Give a slot back."""
        self.free += 1
        self._taken += now

    def busy_until(self, now: float) -> float:
        """Return for how many seconds slots have been taken, all together."""
        return self._taken + (self.slots - self.free) * now


class WorkQueues:
    """All queues, and the pools that serve them."""

    def __init__(self, workers: Sequence[Workers]) -> None:
        self.pools = [Pool(one) for one in workers]
        self._steps: tuple[dict[str, _Lanes], ...] = tuple({} for _ in range(_STEPS))

    def put(self, run: SimulatedRun) -> Pool | None:
        """Put a run on its queue; return a pool with a free slot that serves it, None if there is none."""
        work = run.work
        lanes = self._steps[work.step].get(work.queue)
        if lanes is None:
            lanes = self._steps[work.step][work.queue] = _Lanes()
        lanes.put(run)
        for pool in self.pools:
            if pool.free > 0 and (pool.queues is None or work.queue in pool.queues):
                return pool
        return None

    def take(self, pool: Pool) -> SimulatedRun | None:
        """Take the run that a pool begins next: by priority, its queues in turn; None if none waits."""
        for lists in self._steps:
            for queue in pool.queues if pool.queues is not None else list(lists):
                lanes = lists.get(queue)
                if lanes is not None and lanes.turns:
                    run = lanes.take()
                    self._rotate(pool, lists, queue)
                    return run
        return None

    @staticmethod
    def _rotate(pool: Pool, lists: dict[str, _Lanes], queue: str) -> None:
        """Let the queue that was served be the last of its pool."""
        if pool.queues is not None:
            pool.queues.remove(queue)
            pool.queues.append(queue)
        elif len(lists) > 1:
            lists[queue] = lists.pop(queue)
