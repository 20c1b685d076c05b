"""The graph of tasks that come after others: cycles, and which runs can lead to a run of each task."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from mission_control.errors import Problem
from mission_control.model.composition.joining import Join
from mission_control.model.definitions.schedules import ScheduleBase
from mission_control.model.definitions.task_parts import Dependency
from mission_control.model.problems.suggestions import did_you_mean, quoted

Graph = Mapping[str, "Node"]


class Linked(Protocol):
    """A task, as far as the graph depends on it."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def after(self) -> tuple[Dependency, ...]:
        """The tasks that it comes after."""

    @property
    def join(self) -> Join:
        """How it joins them."""

    @property
    def schedule(self) -> ScheduleBase:
        """When it is due by itself."""


@dataclass(frozen=True, slots=True)
class Node:
    """A task as the graph sees it.

    `is_root` says that it has occurrences of its own. `joined` are the upstream tasks whose runs belong
    together because they have one root.
    """

    upstream: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    is_root: bool = True

    @classmethod
    def of(cls, task: Linked) -> Self:
        """Return that of a task."""
        return cls.of_parts(task.after, task.join, has_schedule=task.schedule.has_occurrences)

    @classmethod
    def of_parts(cls, after: Sequence[Dependency], join: Join, *, has_schedule: bool = False) -> Self:
        """Return that of a task that comes after others as given."""
        joined = tuple(one.task for one in joined_of(after, join))
        return cls(tuple(one.task for one in after), joined, has_schedule or not joined)


def joined_of(after: Sequence[Dependency], join: Join) -> tuple[Dependency, ...]:
    """Return the dependencies whose runs belong together because they have one root.

    Those with `within` are not among them, unless all have it: then the first stands for all. If any end of
    several starts the task, and one of them has `within`, none belong together.
    """
    without = tuple(one for one in after if one.within is None)
    if len(without) == len(after):
        return without
    return () if join == "any" else without or tuple(after[:1])


def graph_problems(
    task_id: str, after: Sequence[Dependency], graph: Graph, *, known: Iterable[str] = ()
) -> list[Problem]:
    """Return what is wrong with the dependencies of a task: unknown ids, a cycle, no common root.

    `graph` has the task, and all tasks that it comes after, directly or not, as far as they exist. `known`
    are ids to suggest.
    """
    unknown = [
        Problem(f"after[{at}].task", f"no task has the id {quoted(one.task)}{did_you_mean(one.task, known)}")
        for at, one in enumerate(after)
        if one.task not in graph
    ]
    if unknown:
        return unknown
    cycle = cycle_through(task_id, graph)
    if cycle:
        return [Problem("after", f"a cycle: {' after '.join(cycle)}; remove one of these dependencies")]
    return _root_problems(task_id, graph)


def cycle_through(task_id: str, graph: Graph) -> list[str]:
    """Return a path from a task back to itself, each task after the next one; [] if there is none.

    >>> cycle_through("a", {"a": Node(("b",)), "b": Node(("c",)), "c": Node(("a",))})
    ['a', 'b', 'c', 'a']
    """
    came_from = {task_id: ""}
    open_ends = [task_id]
    while open_ends:
        at = open_ends.pop()
        for one in graph[at].upstream if at in graph else ():
            if one == task_id:
                return [*reversed(list(_way_back(at, came_from))), task_id]
            if one not in came_from:
                came_from[one] = at
                open_ends.append(one)
    return []


def _way_back(task_id: str, came_from: Mapping[str, str]) -> Iterator[str]:
    while task_id:
        yield task_id
        task_id = came_from[task_id]


def common_roots(task_id: str, graph: Graph) -> frozenset[str]:
    """Return the tasks of which each run leads to an end of all upstream tasks that `task_id` joins.

    >>> graph = {"s": Node(), "a": Node(("s",), ("s",), False), "b": Node(("s",), ("s",), False)}
    >>> sorted(common_roots("c", {**graph, "c": Node(("a", "b"), ("a", "b"), False)}))
    ['s']
    """
    return _covering(task_id, graph)[task_id] - {task_id}


def _covering(task_id: str, graph: Graph) -> dict[str, frozenset[str]]:
    """Return for a task, and for all before it, the tasks of which each run leads to one of its runs."""
    found: dict[str, frozenset[str]] = {}
    for one in _upstream_first(task_id, graph):
        sets = [found[other] for other in graph[one].joined if other in found]
        found[one] = frozenset({one}) | (frozenset.intersection(*sets) if sets else frozenset())
    return found


def _starting(task_id: str, graph: Graph) -> dict[str, frozenset[str]]:
    """Return for a task, and for all before it, the tasks whose own occurrences lead to one of its runs."""
    found: dict[str, frozenset[str]] = {}
    for one in _upstream_first(task_id, graph):
        own = frozenset({one}) if graph[one].is_root else frozenset()
        found[one] = own.union(*(found[other] for other in graph[one].joined if other in found))
    return found


def _upstream_first(task_id: str, graph: Graph) -> list[str]:
    """Return a task and all before it, each after those that it comes after."""
    order: dict[str, None] = {}
    stack = [(task_id, False)]
    while stack:
        at, is_left = stack.pop()
        if is_left:
            order[at] = None
        elif at in graph and at not in order:
            stack.append((at, True))
            stack += [(one, False) for one in graph[at].joined if one not in order]
    return list(order)


def _root_problems(task_id: str, graph: Graph) -> list[Problem]:
    joined = graph[task_id].joined
    if len(joined) < 2:  # noqa: PLR2004  # there is nothing to join
        return []
    common, starting = common_roots(task_id, graph), _starting(task_id, graph)
    strays = {one: sorted(starting[one] - common) for one in joined if one in starting}
    if not any(strays.values()):
        return []
    found = "; ".join(f"{task} also runs for {', '.join(by)}" for task, by in strays.items() if by)
    words = (
        f"{', '.join(joined)} have no common root: {found}, which does not lead to all of them; give a task"
        ' "within", such as "24h", to take its latest end, or let them all come after one task'
    )
    return [Problem("after", words)]
