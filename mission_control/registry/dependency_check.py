"""Checking what tasks come after, against the tasks that are registered: a change must not break others."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import chain

from mission_control.errors import Problem
from mission_control.model.composition.graph import Graph, Linked, Node, graph_problems
from mission_control.model.definitions.task_parts import Dependency
from mission_control.model.problems.suggestions import quoted
from mission_control.registry.stored_task import StoredTask
from mission_control.registry.task_store import TaskStore


@dataclass(frozen=True)
class DependencyCheck:
    """Finds cycles, unknown tasks, and runs that could never be joined, before they are stored."""

    store: TaskStore

    def problems(self, given: Mapping[str, Linked]) -> dict[str, list[Problem]]:
        """Return what would be wrong if these tasks, given by their ids, were registered together.

        That is what is wrong with each of them, and with the registered tasks that come after it. A task
        that comes after others as before has no problems.
        """
        linked = {task.id for task in given.values() if task.after}
        linked.update(self.store.upstream_among(given))
        if not linked:
            return {}
        touched = [one for one in given if one in linked]
        before = self._stored(touched)
        changed = [one for one in touched if before.get(one) != Node.of(given[one])]
        found = {one: self._own(given[one], self._graph([one], given)) for one in changed}
        for task_id in changed:
            found[task_id] += self._broken(task_id, given, set(given))
        return {task_id: problems for task_id, problems in found.items() if problems}

    def upstream_first(self, given: Mapping[str, Linked]) -> Iterator[str]:
        """Yield the ids of tasks in an order in which these can be written, whatever they came after before.

        Each then comes after tasks that are written already, so no step closes a cycle.
        """
        linked = {task.id for task in given.values() if task.after}
        graph = self._graph(linked, given)
        order = TopologicalSorter({name: node.upstream for name, node in graph.items()}).static_order()
        return chain((one for one in given if one not in linked), (one for one in order if one in linked))

    def _own(self, task: Linked, graph: Graph) -> list[Problem]:
        known = self.store.ids() if any(one.task not in graph for one in task.after) else ()
        return graph_problems(task.id, task.after, graph, known=known)

    def _broken(self, task_id: str, given: Mapping[str, Linked], but_for: set[str]) -> Iterable[Problem]:
        """Return what a change of a task breaks in those that come after it."""
        for name in self._all_after(task_id):
            graph, former = self._graph([name], given), self._graph([name], {})
            if name in but_for or name not in graph:
                continue
            after = [Dependency(task=one) for one in graph[name].upstream if one in graph]
            if not graph_problems(name, after, former):
                for one in graph_problems(name, after, graph):
                    yield Problem(
                        one.path, f"breaks task {quoted(name)}, which comes after it: {one.message}"
                    )

    def _all_after(self, task_id: str) -> list[str]:
        found: dict[str, None] = {}
        open_ends = [task_id]
        while open_ends:
            new = [one for one in self.store.downstream(open_ends.pop()) if one not in found]
            found.update(dict.fromkeys(new))
            open_ends += new
        return list(found)

    def _graph(self, task_ids: Iterable[str], given: Mapping[str, Linked]) -> dict[str, Node]:
        """Return the graph of tasks and all before them, `given` in the place of what is stored."""
        graph: dict[str, Node] = {}
        missing = set(task_ids)
        seen: set[str] = set()
        while missing:
            seen |= missing
            graph |= {one: Node.of(given[one]) for one in missing & given.keys()}
            graph |= self._stored(missing - given.keys())
            missing = {one for name in missing & graph.keys() for one in graph[name].upstream} - seen
        return graph

    def _stored(self, task_ids: Iterable[str]) -> dict[str, Node]:
        found = self.store.load(task_ids)
        return {one.task_id: _node(one) for one in found if one is not None}


def _node(stored: StoredTask) -> Node:
    definition = stored.definition
    try:
        after = [Dependency.model_validate(one) for one in definition.get("after", ())]
    except (ValueError, TypeError):  # another program has damaged it, which beat reports
        after = []
    join = definition.get("join", "all")
    return Node.of_parts(after, join, has_schedule=definition["schedule"] is not None)
