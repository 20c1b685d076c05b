"""Filters: which tasks or runs a command is about, by what they have."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RAN_AND_FAILED, WAITING_STATES, RunState
from mission_control.model.values.instants import format_instant, parse_instant
from mission_control.registry.registry import Registry

Facts = Mapping[str, Collection[str]]

RUN_STATUSES: Final[Mapping[str, Collection[str]]] = {
    **{state.value: {state} for state in RunState},
    "failed": RAN_AND_FAILED,
    "waiting": WAITING_STATES,
}
"""The statuses by which runs are selected, each with the states that it stands for."""

TASK_STATUSES: Final = ("enabled", "paused", "disabled", "completed", "quarantined")
"""The statuses by which tasks are selected."""


class Filter:
    """Takes what has, by each name that was given, one of its values, and was active `since` then."""

    def __init__(self, given: Mapping[str, Collection[str]], since: datetime | None = None) -> None:
        self.given = {name: frozenset(values) for name, values in given.items() if values}
        self.since = since
        self.taken = 0
        self._seen = defaultdict[str, set[str]](set)

    def __bool__(self) -> bool:
        """Whether anything was given."""
        return bool(self.given) or self.since is not None

    @property
    def states(self) -> frozenset[str]:
        """The states that runs may have; nothing for any."""
        return frozenset(state for one in self.given.get("status", ()) for state in RUN_STATUSES[one])

    def takes(self, facts: Facts, active_at: datetime | None) -> bool:
        """Return whether something with these facts, which was active last at that time, is taken."""
        for name in self.given:
            self._seen[name].update(facts[name])
        is_late_enough = self.since is None or (active_at is not None and active_at >= self.since)
        is_taken = is_late_enough and all(not one.isdisjoint(facts[name]) for name, one in self.given.items())
        self.taken += is_taken
        return is_taken

    def takes_run(self, run: RunRecord, tags: Mapping[str, Collection[str]]) -> bool:
        """Return whether a run is taken; `tags` are those of its task. One that is not over is active now."""
        status = [name for name, states in RUN_STATUSES.items() if run.state in states]
        facts = {"status": status, "queue": [run.queue], "handler": [run.handler]}
        at = self.since if not run.state.is_final else run.finished_at
        return self.takes({**facts, "tag": tags.get(run.task_id, ())}, at)

    def takes_task(self, shown: Mapping[str, Any], status: str) -> bool:
        """Return whether a task in the story's shape is taken. It was active when it ran last."""
        facts = {name: [str(shown[name])] for name in ("queue", "handler") if name in shown}
        last = shown["execution_history"]["last_run"]
        at = None if last is None else parse_instant(last)
        whole = {"queue": (), "handler": (), **facts, "status": [status], "tag": shown.get("tags", ())}
        return self.takes(whole, at)

    def none_found(self, what: str) -> str:
        """Return in words that no such task or run was found, with the nearest values there are."""
        missing = [
            f"no {what} has the {name} {quoted(one)}{did_you_mean(one, self._seen[name])}"
            for name, values in self.given.items()
            for one in sorted(values - self._seen[name])
            if values.isdisjoint(self._seen[name])
        ]
        asked = [f"{name} {' or '.join(sorted(values))}" for name, values in self.given.items()]
        asked += [] if self.since is None else [f"since {format_instant(self.since)}"]
        return "\n".join(missing) if missing else f"no {what} with {', '.join(asked)}"


def tags_of_tasks(registry: Registry, wanted: Filter) -> Mapping[str, Collection[str]]:
    """Return the tags of each task, if the filter asks for any."""
    return {task.id: task.tags for task in registry.definitions()} if "tag" in wanted.given else {}
