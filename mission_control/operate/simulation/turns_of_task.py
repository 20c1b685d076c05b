"""Which runs of a task are in the way of the next one, and which of them wait for their turn."""

from __future__ import annotations

from collections.abc import Iterator

from mission_control.operate.simulation.simulated_run import SimulatedRun


class TurnsOfTasks:
    """The active runs of tasks that count, and those that wait for them, as `ledger/scripts/overlap.lua`."""

    def __init__(self) -> None:
        self._counting: dict[str, dict[str, SimulatedRun]] = {}
        self._waiting: dict[str, list[SimulatedRun]] = {}

    def blocker(self, task_id: str) -> SimulatedRun | None:
        """Return the active run that is in the way of the next one."""
        counting = self._counting.get(task_id)
        return next(iter(counting.values())) if counting else None

    def counting(self, task_id: str) -> Iterator[SimulatedRun]:
        """Yield the active runs of a task that count."""
        return iter(list(self._counting.get(task_id, {}).values()))

    def count_waiting(self, task_id: str) -> int:
        """Return how many occurrences of a task wait."""
        return len(self._waiting.get(task_id, ()))

    def count(self, run: SimulatedRun) -> None:
        """Let a run be in the way of the next ones."""
        run.counts = True
        self._counting.setdefault(run.work.task_id, {})[run.execution_id] = run

    def wait(self, run: SimulatedRun) -> None:
        """Let a run wait until none is in its way."""
        waiting = self._waiting.setdefault(run.work.task_id, [])
        waiting.append(run)
        waiting.sort(key=lambda one: one.due)

    def displace(self, task_id: str) -> list[SimulatedRun]:
        """Return the runs that wait, which wait no longer."""
        return self._waiting.pop(task_id, [])

    def over(self, run: SimulatedRun) -> SimulatedRun | None:
        """Let a run count no longer; return the one that has its turn then, which counts from now on."""
        task_id = run.work.task_id
        if run.counts:
            run.counts = False
            counting = self._counting[task_id]
            del counting[run.execution_id]
            if not counting:
                del self._counting[task_id]
        waiting = self._waiting.get(task_id)
        if not waiting or task_id in self._counting:
            return None
        following = waiting.pop(0)
        self.count(following)
        return following
