"""How many occurrences of the last hour nothing explains, at a bounded cost for each question."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from redis import Redis

from mission_control.ledger.run_reader import RunReader
from mission_control.model.runs.cause import stands_until
from mission_control.operate.account.recent import recent_balance
from mission_control.registry.pauses import read_pauses
from mission_control.registry.registry import Registry

SPAN: Final = timedelta(hours=1)
GRACE: Final = timedelta(minutes=2)
"""What fell due later may still be on its way."""

_LEAST_TASKS: Final = 200
_ROUNDS: Final = 100
_RUNS_ASKED: Final = 20


@dataclass
class Unaccounted:
    """Counts the occurrences that should have a run and have none, over the last hour.

    Each look takes some of the tasks, at least a hundredth, and remembers what it found of the others: a
    question costs the same however many tasks there are, and all are looked at in a hundred questions.
    """

    client: Redis
    registry: Registry
    ledger: RunReader
    clock: Callable[[], datetime]
    _found: dict[str, int] = field(default_factory=dict)
    _next: int = 0
    _lock: Lock = field(default_factory=Lock)

    def count(self) -> int:
        """Look at the tasks whose turn it is, and return how many occurrences are unaccounted for."""
        with self._lock:
            ids = self.registry.ids()
            size = max(_LEAST_TASKS, len(ids) // _ROUNDS)
            start = self._next if self._next < len(ids) else 0
            some = ids[start : start + size]
            self._next = start + size
            self._found = {name: count for name, count in self._found.items() if name not in some}
            for execution_id in self._unexplained(some):
                task_id = execution_id.rpartition("@")[0]
                self._found[task_id] = self._found.get(task_id, 0) + 1
            return sum(self._found.values())

    def _unexplained(self, task_ids: list[str]) -> list[str]:
        now = self.clock()
        moved = {one.execution_id for one in read_pauses(self.client).changed}
        tasks = self.registry.some(task_ids)
        found = recent_balance(self.client, tasks, now - SPAN, now - GRACE, put_off=moved)
        return [one for one in found.unexplained if not self._is_missed_with_others(one)]

    def _is_missed_with_others(self, execution_id: str) -> bool:
        """Return whether a run stands for it that was missed together with what came after."""
        task_id, _, time = execution_id.rpartition("@")
        runs = self.ledger.runs_of(task_id, limit=_RUNS_ASKED)
        ends = [end for run in runs if (end := stands_until(run.reason)) is not None]
        return any(datetime.fromisoformat(time) <= end for end in ends)
