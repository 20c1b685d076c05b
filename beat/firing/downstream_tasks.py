"""Tasks that come after runs that have ended, each with the root that the runs it joins have in common."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from beat.entries.due_entries import CorruptEntry, DueEntries, DueTask
from mission_control.ledger.upstream_runs import UpstreamRuns
from mission_control.model.composition.graph import Node, common_roots, joined_of
from mission_control.model.composition.release import Never, UpstreamRun, upstream_ids
from mission_control.model.definitions.task_parts import Dependency
from mission_control.model.values.identifiers import downstream_execution_id, task_of_run
from mission_control.store.redis_keys import RedBeatKeys

_MOST_WAITING = 1_000


@dataclass(frozen=True)
class Case:
    """A task that comes after others, and one of their runs that has ended."""

    entry: DueTask
    run: UpstreamRun

    @cached_property
    def after(self) -> tuple[Dependency, ...]:
        """The dependencies of the task."""
        return dependencies_of(self.entry)

    @cached_property
    def joined(self) -> tuple[Dependency, ...]:
        """Those of them whose runs belong together."""
        return joined_of(self.after, self.entry.join)


def dependencies_of(entry: DueTask) -> tuple[Dependency, ...]:
    """Return what a task comes after."""
    return tuple(Dependency.model_validate(one) for one in entry.after)


class DownstreamTasks:
    """Finds them. What beat may not use, because it is corrupt or not signed, is given as such."""

    def __init__(self, runs: UpstreamRuns, entries: DueEntries, keys: RedBeatKeys) -> None:
        self._runs = runs
        self._entries = entries
        self._keys = keys

    def cases(
        self, ended: Iterable[UpstreamRun], now: float
    ) -> Iterator[tuple[UpstreamRun, Case | CorruptEntry]]:
        """Return what comes after runs that have ended, each join of a task and a root only once."""
        runs = {run.execution_id: run for run in ended}
        names = self._runs.downstream(run.task_id for run in runs.values())
        entries = self._load({one for some in names.values() for one in some})
        waiting = self._waiting(entries, names, now)
        names |= self._runs.downstream({run.task_id for run in waiting} - names.keys())
        entries |= self._load({one for some in names.values() for one in some} - entries.keys())
        joins = {one: _joined_tasks(entry) for one, entry in entries.items()}
        seen: set[tuple[str, str]] = set()
        for run in {**runs, **{one.execution_id: one for one in waiting}}.values():
            for task_id in names[run.task_id]:
                # An end that is not joined with others decides nothing for them, or all by itself.
                look = (task_id, run.root if run.task_id in joins.get(task_id, ()) else run.execution_id)
                if look not in seen and (entry := entries.get(task_id)) is not None:
                    seen.add(look)
                    yield run, entry if isinstance(entry, CorruptEntry) else Case(entry, run)

    def leads_to_all(self, case: Case) -> bool:
        """Whether the root leads to runs of all tasks that are joined: a request half-way does not."""
        if len(case.joined) == 1:
            return True
        root = task_of_run(case.run.root)
        found = self._load([root]).get(root)
        if not isinstance(found, DueTask) or not found.after:
            return True
        return root in common_roots(case.entry.task_id, self._graph(case.entry))

    def why_never(self, task_id: str, root: str) -> Never | None:
        """Return why a run of a task that does not exist will never come; None if it may."""
        run_id = downstream_execution_id(task_id, root)
        if not self._runs.is_registered(task_id):
            return Never(run_id, "removed")
        entry = self._load([task_id]).get(task_id)
        if not isinstance(entry, DueTask):
            return None
        if not entry.task.enabled:
            return Never(run_id, "disabled")
        after = dependencies_of(entry)
        ids = upstream_ids(after, entry.join, root)
        if ids and self._runs.are_looked_at(ids):
            return Never(run_id, "passed over")
        found = self._runs.get(ids)
        missing = [task_of_run(one) for one in ids if one not in found]
        nevers = [self.why_never(one, root) for one in missing]
        is_hopeless = any(nevers) if entry.join == "all" else len(missing) == len(ids) and all(nevers)
        return next(filter(None, nevers)) if is_hopeless and nevers else None

    def _waiting(
        self, entries: Mapping[str, DueTask | CorruptEntry], names: Mapping[str, list[str]], now: float
    ) -> list[UpstreamRun]:
        """Return the runs that ended before, and that something waits with for one that has ended now."""
        tasks: set[str] = set()
        for entry in entries.values():
            after = dependencies_of(entry) if isinstance(entry, DueTask) else ()
            if any(one.within is not None and one.task in names for one in after):
                tasks |= {one.task for one in after}
        ids = self._runs.to_look_at(now, "+inf", limit=_MOST_WAITING) if tasks else []
        return list(self._runs.get([one for one in ids if task_of_run(one) in tasks]).values())

    def _graph(self, entry: DueTask) -> dict[str, Node]:
        """Return the graph of a task and all before it."""
        graph: dict[str, Node] = {}
        found = {entry.task_id: entry}
        while found:
            for one in found.values():
                graph[one.task_id] = Node.of_parts(dependencies_of(one), one.join)
            before = {task for one in found for task in graph[one].upstream} - graph.keys()
            found = {name: one for name, one in self._load(before).items() if isinstance(one, DueTask)}
        return graph

    def _load(self, task_ids: Iterable[str]) -> dict[str, DueTask | CorruptEntry]:
        names = list(task_ids)
        found = self._entries.of_keys([self._keys.entry(one).encode() for one in names])
        pairs = zip(names, found, strict=True)
        return {name: _usable(one) for name, one in pairs if isinstance(one, DueTask | CorruptEntry)}


def _joined_tasks(entry: DueTask | CorruptEntry) -> frozenset[str]:
    if isinstance(entry, CorruptEntry):
        return frozenset()
    return frozenset(one.task for one in joined_of(dependencies_of(entry), entry.join))


def _usable(entry: DueTask | CorruptEntry) -> DueTask | CorruptEntry:
    """Return an entry, as corrupt if its dependencies cannot be read."""
    try:
        _ = dependencies_of(entry) if isinstance(entry, DueTask) else ()
    except (ValueError, TypeError) as error:
        return CorruptEntry(entry.key, entry.due, f"after: {error}")
    return entry
