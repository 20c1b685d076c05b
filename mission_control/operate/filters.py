"""Filters: which tasks or runs a command, a page or a program is about, by what they have."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from mission_control.ledger.run_reader import RunReader
from mission_control.model.filters.filter_fields import RUN_STATUSES
from mission_control.model.filters.query import Fact, Facts, Query
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.instants import parse_instant
from mission_control.registry.registry import Registry

TaskFacts = Mapping[str, Mapping[str, Collection[str]]]
"""Tags and owner of tasks, by their ids."""

_OF_TASKS: Final = ("tag", "owner")
_MOST_RUNS: Final = 50


class Filter:
    """Takes what a query holds of, and counts it; `now` is when runs that are not over are looked at.

    If it `is_confirmed`, no number of runs or tasks is too many to look at. `with_ended` says whether ended
    runs were looked at.
    """

    def __init__(self, query: Query, now: datetime, *, is_confirmed: bool = False) -> None:
        self.query, self.now, self.is_confirmed = query, now, is_confirmed
        self.taken, self.with_ended = 0, True
        self._seen = defaultdict[str, set[str]](set)

    def __bool__(self) -> bool:
        """Whether anything was asked."""
        return bool(self.query)

    def takes_run(self, run: RunRecord, tasks: TaskFacts) -> bool:
        """Return whether a run is taken; `tasks` has the facts of its task."""
        return self._takes(
            {**run_facts(run, self.now), **tasks.get(run.task_id, dict.fromkeys(_OF_TASKS, ()))}
        )

    def takes_task(self, shown: Mapping[str, Any], status: str) -> bool:
        """Return whether a task in the story's shape is taken."""
        return self._takes(task_facts(shown, status))

    def none_found(self) -> str:
        """Return in words that no such task or run was found, with the nearest values there are."""
        what, asked = self.query.subject, [one for one in self.query.terms if one.field.kind == "pattern"]
        missing = [
            f"no {what} has the {term.name} {quoted(one)}{did_you_mean(one, self._seen[term.field.name])}"
            for term in asked
            if term.is_exact and self._seen[term.field.name].isdisjoint(term.names)
            for one in sorted(term.names)
        ]
        return "\n".join(missing) if missing else f"no {what} with {self.query}"

    def _takes(self, facts: Facts) -> bool:
        for term in self.query.terms:
            fact = facts.get(term.field.name)
            if term.field.kind == "pattern" and isinstance(fact, Collection):
                self._seen[term.field.name].update(fact)
        is_taken = self.query.holds(facts)
        self.taken += is_taken
        return is_taken


def run_facts(run: RunRecord, now: datetime) -> dict[str, Fact]:
    """Return what filters ask about a run. One that is not over is active now, and late if it waits."""
    late = run.started_at if run.started_at is not None or run.state.is_final else now
    texts = [one for one in (run.error, run.reason) if one is not None]
    return {
        "state": [name for name, states in RUN_STATUSES.items() if run.state in states],
        "task": [run.task_id],
        "run": [run.execution_id],
        "queue": [run.queue],
        "handler": [run.handler],
        "worker": [] if run.worker is None else [run.worker],
        "trigger": [run.trigger],
        "cause": [] if run.cause is None else [run.cause.get("class", "")],
        "error": texts,
        "text": [run.execution_id, *texts],
        "late": None if late is None else (late - run.due_at).total_seconds(),
        "took": None if run.duration_ms is None else run.duration_ms / 1_000,
        "attempt": run.attempt,
        "at": run.finished_at if run.state.is_final else now,
    }


def task_facts(shown: Mapping[str, Any], status: str) -> dict[str, Fact]:
    """Return what filters ask about a task in the story's shape. It was active when it ran last."""
    history = shown["execution_history"]
    last = history["last_run"]
    return {
        "state": [status],
        "task": [shown["id"]],
        **{name: [str(shown[name])] if name in shown else [] for name in ("queue", "handler", "owner")},
        "tag": shown.get("tags", ()),
        "text": [str(shown.get(name, "")) for name in ("id", "name", "description")],
        "failures": history["failure_count"],
        "at": None if last is None else parse_instant(last),
    }


def facts_of_tasks(registry: Registry, query: Query) -> TaskFacts:
    """Return the tags and owners of tasks, if a filter of runs asks for any."""
    if not any(query.about(name, is_negated=None) for name in _OF_TASKS):
        return {}
    return {task.id: {"tag": task.tags, "owner": [task.owner]} for task in registry.definitions()}


def known_values(registry: Registry, ledger: RunReader, field: str) -> list[str]:
    """Return the values there are of a field of filters: what a filter that is being written can go on with.

    Of runs they are only those that are active or ended last.
    """
    if field == "run":
        runs = [*ledger.active(limit=_MOST_RUNS), *ledger.last_finished(limit=_MOST_RUNS)]
        return [run.execution_id for run in runs]
    if field == "task":
        return registry.ids()
    if field == "tag":
        return sorted({tag for task in registry.definitions() for tag in task.tags})
    if field not in {"queue", "handler", "owner"}:
        return []
    return sorted({str(getattr(task, field)) for task in registry.definitions()})
