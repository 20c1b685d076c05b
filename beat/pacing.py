"""How fast a backlog is caught up: one run a slot, over all tasks, and each task's own stagger."""

from __future__ import annotations

from typing import Final

CATCH_UP_PER_SECOND: Final = 100
"""How many runs that come late, after a downtime, are released a second."""


class Pacer:
    """Gives out release times, in Unix seconds, for runs that catch up."""

    def __init__(self, per_second: float = CATCH_UP_PER_SECOND) -> None:
        self._step = 1 / per_second
        self._next_slot = 0.0
        self._last_of_task: dict[str, float] = {}

    def slot(self, now: float, task_id: str, stagger_seconds: float) -> float:
        """Return when the task's next late run is to be released: not before `now`.

        >>> pacer = Pacer(per_second=10)
        >>> [pacer.slot(100.0, "a", 0), pacer.slot(100.0, "b", 0), pacer.slot(100.0, "a", 5)]
        [100.0, 100.1, 105.0]
        """
        if self._next_slot < now:
            self._next_slot = now
            self._last_of_task = {name: last for name, last in self._last_of_task.items() if last > now}
        release = self._next_slot
        last = self._last_of_task.get(task_id)
        if last is not None:
            release = max(release, last + stagger_seconds)
        self._next_slot += self._step
        self._last_of_task[task_id] = release
        return release
