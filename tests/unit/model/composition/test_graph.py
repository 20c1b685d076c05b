"""Graphs of tasks: what is refused, with the path, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from mission_control.model.composition.graph import Node, common_roots, graph_problems
from mission_control.model.definitions.task_parts import Dependency


def graph_of(edges: dict[str, str], scheduled: str = "") -> tuple[dict[str, Node], dict[str, Any]]:
    """Return a graph by what each task comes after, "b~" for `within`."""
    after = {
        name: tuple(
            Dependency(task=one.rstrip("~"), within=60.0 if one.endswith("~") else None)
            for one in upstream.split()
        )
        for name, upstream in edges.items()
    }
    nodes = {
        name: Node.of_parts(found, "all", has_schedule=name in scheduled.split())
        for name, found in after.items()
    }
    return nodes, after


@pytest.mark.parametrize(
    ("edges", "task_id", "words"),
    [
        ({"a": "b", "b": "c", "c": "a"}, "a", "a cycle: a after b after c after a"),
        ({"a": "b~", "b": "a"}, "a", "a cycle: a after b after a"),
        ({"a": "nine"}, "a", "no task has the id 'nine'"),
        (
            {"s": "", "t": "", "d": "s t"},
            "d",
            "s, t have no common root: s also runs for s; t also runs for t",
        ),
        ({"s": "", "a": "s", "b": "", "d": "a b"}, "d", "have no common root"),
    ],
)
def test_graph_that_cannot_work_is_refused_with_the_reason(
    edges: dict[str, str], task_id: str, words: str
) -> None:
    graph, after = graph_of(edges)
    (problem,) = graph_problems(task_id, after[task_id], graph)
    assert words in str(problem)


def test_task_with_a_schedule_of_its_own_is_no_common_root_of_others() -> None:
    graph, after = graph_of({"s": "", "a": "s", "b": "s", "d": "a b"}, "s a")
    (problem,) = graph_problems("d", after["d"], graph)
    assert "a also runs for a, which does not lead to all of them" in str(problem)


@pytest.mark.parametrize(
    "edges",
    [
        {"s": "", "a": "s", "d": "s a"},
        {"s": "", "a": "s", "b": "s", "c": "a b", "d": "a c"},
        {"s": "", "t": "", "d": "s t~"},
        {"s": "", "t": "", "d": "s~ t~", "e": "s d"},
        {"s": "", **{f"t{at}": f"t{at - 1}" if at else "s" for at in range(3_000)}, "d": "t2999 s"},
    ],
)
def test_graph_with_a_common_root_is_accepted(edges: dict[str, str]) -> None:
    graph, after = graph_of(edges)
    last = list(edges)[-1]
    assert graph_problems(last, after[last], graph) == []
    assert "s" in common_roots(last, graph)
