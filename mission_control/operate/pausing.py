"""Pausing tasks, and what that does to their runs."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any

from mission_control.audit.record.masking import NAME_LIMIT, clean_text
from mission_control.dispatch.run_control import Ending, RunControl, concerns, take_back
from mission_control.errors import InvalidTaskError, Problem, UnknownPauseError, UnknownTaskError
from mission_control.ledger.backfills import Backfills
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.notices import Notice, pause_notices
from mission_control.model.policies.pause import PauseKind, PauseLayer, TaskFacts, pausing_layers
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.instants import format_instant
from mission_control.operate.tasks import unknown_task
from mission_control.registry.pauses import Pauses
from mission_control.registry.registry import Registry

Selector = tuple[PauseKind, str]


@dataclass(frozen=True)
class Paused:
    """What a pause did, or would do: its layers, the tasks they select, and their runs by how they ended."""

    layers: list[PauseLayer]
    tasks: list[TaskDefinition]
    runs: Counter[Ending]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "layers": [layer_json(one) for one in self.layers],
            "tasks": [task.id for task in self.tasks],
            "runs": dict(self.runs),
        }


@dataclass(frozen=True)
class Pausing:
    """Sets pauses."""

    registry: Registry
    pauses: Pauses
    control: RunControl
    backfills: Backfills
    clock: Callable[[], datetime]

    def pause(
        self,
        selectors: Sequence[Selector],
        *,
        until: datetime | None = None,
        reason: str | None = None,
        stop_running: bool = False,
        dry_run: bool = False,
    ) -> Paused:
        """Pause the tasks that any of the selectors selects, each selector as a layer of its own.

        The reason is kept as a record has it: bounded, and without secrets.

        Guarantees: from the answer on no occurrence of theirs is fired, and no waiting one starts. With
        `stop_running` their backfills are cancelled.

        Raises:
            UnknownTaskError: a selector selects no task; nothing was paused.
            InvalidTaskError: `until` is not in the future; nothing was paused.
        """
        now, tasks = self.clock(), self.registry.definitions()
        reason = None if reason is None else clean_text(reason, NAME_LIMIT)
        _check_until(until, now)
        check_selectors(self.registry, selectors, tasks)
        layers = [
            PauseLayer(*one, since=now, who=self.pauses.who, reason=reason, until=until)
            for one in dict.fromkeys(selectors)
        ]
        if not dry_run:
            self.pauses.set(layers, notices=pause_notices_of(layers, tasks, now))
        if stop_running and not dry_run:
            self._stop_backfills(layers, tasks)
        found = [
            (run, layer)
            for run, layer in self._runs(layers, tasks)
            if concerns(run, stop_running=stop_running)
        ]
        runs = Counter[Ending]() if dry_run else take_back(self.control, found, stop_running=stop_running)
        return Paused(layers, [task for task in tasks if pausing_layers(layers, task)], runs)

    def _stop_backfills(self, layers: Sequence[PauseLayer], tasks: Iterable[TaskDefinition]) -> None:
        selecting = {task.id: pausing_layers(layers, task) for task in tasks}
        for one in self.backfills.open():
            for layer in selecting.get(one.plan.task_id, [])[:1]:
                self.backfills.cancel(one.plan.backfill_id, layer.words())

    def _runs(
        self, layers: Sequence[PauseLayer], tasks: Iterable[TaskDefinition]
    ) -> Iterable[tuple[RunRecord, PauseLayer]]:
        known = {task.id: TaskFacts.of(task) for task in tasks}
        ledger, ids = self.control.ledger, {one.value for one in layers if one.kind is PauseKind.TASK}
        is_by_id = len(ids) == len(layers)  # a few tasks of an installation with very many runs
        runs = chain.from_iterable(map(ledger.active_of, ids)) if is_by_id else ledger.all_active()
        for run in runs:
            unknown = TaskFacts(run.task_id, "", (), run.queue, run.handler)
            facts = replace(known.get(run.task_id, unknown), queue=run.queue, handler=run.handler)
            if selecting := [one for one in layers if one.selects(facts)]:
                yield run, selecting[0]


def check_selectors(
    registry: Registry, selectors: Iterable[Selector], tasks: Sequence[TaskDefinition]
) -> None:
    """Check that each selector selects a task.

    Raises:
        UnknownTaskError: names those that select none, with the nearest that do.
    """
    facts = [TaskFacts.of(task) for task in tasks]
    problems = []
    for kind, value in selectors:
        known = {one for fact in facts for one in fact.values_of(kind)}
        if kind is PauseKind.TASK and value not in known:
            problems.append(str(unknown_task(registry, value)))
        elif kind is not PauseKind.ALL and value not in known:
            problems.append(f"no task has the {kind} {quoted(value)}{did_you_mean(value, known)}")
    if problems:
        raise UnknownTaskError("\n".join(problems))


def pause_notices_of(
    layers: Iterable[PauseLayer], tasks: Iterable[TaskDefinition], now: datetime, *, is_over: bool = False
) -> list[Notice]:
    """Return the notices of layers that begin, or are over."""
    known, found = list(tasks), list[Notice]()
    for layer in layers:
        concerned = ((one.id, one.notify_given) for one in known if layer.selects(TaskFacts.of(one)))
        name, text = (
            (f"end of {layer.name}", f"no longer {layer.words()}") if is_over else (layer.name, layer.words())
        )
        found += pause_notices(concerned, cause=name, text=text, at=now)
    return found


def in_force(pauses: Pauses, names: Iterable[str], now: datetime) -> dict[str, PauseLayer]:
    """Return the layers of these names.

    Raises:
        UnknownPauseError: one of them is not in force; names those that are.
    """
    found = {one.name: one for one in pauses.read().in_force(now)}
    missing = [name for name in names if name not in found]
    if missing:
        others = f"in force: {', '.join(found)}" if found else "nothing is paused"
        raise UnknownPauseError(f"no pause {', '.join(map(quoted, missing))} is in force; {others}")
    return {name: found[name] for name in names}


def layer_json(layer: PauseLayer) -> dict[str, Any]:
    """Return a layer as a JSON object."""
    return {
        "layer": layer.name,
        "who": layer.who,
        "since": format_instant(layer.since),
        "until": None if layer.until is None else format_instant(layer.until),
        "reason": layer.reason,
    }


def _check_until(until: datetime | None, now: datetime) -> None:
    if until is not None and until <= now:
        problem = Problem(
            "--until", f"{format_instant(until)} is not in the future; it is {format_instant(now)}"
        )
        raise InvalidTaskError([problem], subject="pause")
