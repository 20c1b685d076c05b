"""Resuming paused tasks: what will run, what will not, and what is caught up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mission_control.dispatch.enqueue import Dispatch
from mission_control.ledger.run_reader import RunReader
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.pause import (
    PauseKind,
    PauseLayer,
    breaker_name,
    layer_name,
    pausing_layers,
    to_catch_up,
)
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.operate.pausing import (
    Selector,
    check_selectors,
    in_force,
    layer_json,
    pause_notices_of,
)
from mission_control.registry.pauses import Pauses
from mission_control.registry.registry import Registry

_MOST_SKIPPED = 10_000


@dataclass(frozen=True)
class ResumedTask:
    """A task after `resume`: when it runs next, or which pauses still keep it from it.

    `skipped` are the occurrences that the ended pauses kept from running, as far as the ledger has them, the
    oldest first; `caught_up` are those of them that run now.
    """

    task: TaskDefinition
    next_run: str | None
    paused_by: list[PauseLayer]
    skipped: list[datetime]
    caught_up: list[datetime]


@dataclass(frozen=True)
class Resumed:
    """What `resume` did, or would do."""

    layers: list[PauseLayer]
    tasks: list[ResumedTask]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "layers": [layer_json(one) for one in self.layers],
            "tasks": [
                {
                    "task_id": one.task.id,
                    "next_run": one.next_run,
                    "paused_by": [layer.name for layer in one.paused_by],
                    "skipped": len(one.skipped),
                    "caught_up": len(one.caught_up),
                }
                for one in self.tasks
            ],
        }


@dataclass(frozen=True)
class Resuming:
    """Ends pauses."""

    registry: Registry
    pauses: Pauses
    ledger: RunReader
    dispatch: Callable[[], Dispatch]
    clock: Callable[[], datetime]

    def resume(
        self,
        selectors: Sequence[Selector],
        *,
        reason: str | None = None,
        catch_up: bool = False,
        dry_run: bool = False,
    ) -> Resumed:
        """End the pauses that were set with these selectors.

        Guarantees: what they kept from running does not run later. With `catch_up` the misfire policy of each
        task that is no longer paused decides which of it runs after all, as manual runs, each at most once.

        Raises:
            UnknownPauseError: one of them is not in force; nothing changed.
            UnknownTaskError: one of them is not, and selects no task.
        """
        now = self.clock()
        definitions = self.registry.definitions()
        layers = self._layers(selectors, definitions, now)
        if not dry_run:
            notices = pause_notices_of(layers.values(), definitions, now, is_over=True)
            self.pauses.end(layers, reason=reason, forget=catch_up, notices=notices)
        rest = [one for one in self.pauses.read().in_force(now) if one.name not in layers]
        shown = {one["id"]: one["execution_history"]["next_run"] for one in self.registry.tasks()}
        tasks = [
            self._task(task, list(layers.values()), rest, shown.get(task.id), now, catch_up=catch_up)
            for task in definitions
            if pausing_layers(layers.values(), task)
        ]
        if not dry_run:
            self._catch_up(tasks)
        return Resumed(list(layers.values()), tasks)

    def _layers(
        self, selectors: Sequence[Selector], tasks: Sequence[TaskDefinition], now: datetime
    ) -> dict[str, PauseLayer]:
        """Return the layers that are meant, by name: of a task its pause, its breaker, or both."""
        current = {one.name for one in self.pauses.read().in_force(now)}
        names, others = dict[str, None](), list[Selector]()
        for kind, value in selectors:
            meant = [layer_name(kind, value), *([breaker_name(value)] if kind is PauseKind.TASK else [])]
            found = [one for one in meant if one in current]
            names |= dict.fromkeys(found or meant[:1])
            others += [] if found else [(kind, value)]
        check_selectors(self.registry, others, tasks)
        return in_force(self.pauses, names, now)

    def _task(  # all that is known of it
        self,
        task: TaskDefinition,
        ended: list[PauseLayer],
        rest: list[PauseLayer],
        next_run: str | None,
        now: datetime,
        *,
        catch_up: bool,
    ) -> ResumedTask:
        paused_by = pausing_layers(rest, task)
        runs = self.ledger.runs_of(task.id, limit=_MOST_SKIPPED)
        skipped = sorted(run.scheduled_time for run in runs if _is_skipped_by(run, ended))
        is_run = catch_up and task.enabled and not paused_by
        caught_up = to_catch_up(task, skipped, now) if is_run else []
        return ResumedTask(task, next_run, paused_by, skipped, caught_up)

    def _catch_up(self, tasks: Sequence[ResumedTask]) -> None:
        found = [(one.task.id, moment) for one in tasks for moment in one.caught_up]
        dispatch = self.dispatch() if found else None
        for task_id, moment in found:
            if dispatch is not None:
                dispatch.catch_up(task_id, moment, key=f"catch-up:{task_id}@{moment.isoformat()}")


def _is_skipped_by(run: RunRecord, layers: Sequence[PauseLayer]) -> bool:
    if run.state is not RunState.SKIPPED or run.cause is None or run.finished_at is None:
        return False
    return any(run.cause.get("layer") == one.name and run.finished_at >= one.since for one in layers)
