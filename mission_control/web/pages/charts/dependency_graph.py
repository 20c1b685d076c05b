"""Tasks and what comes after them, from left to right, each with the state of its last run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mission_control.web.pages.charts.elements import element, figure
from mission_control.web.pages.states import kind_of

_WIDE, _HIGH, _COLUMN, _ROW, _LETTERS = 190, 44, 250, 62, 24
_SIGNS = {"ok": "✓", "bad": "✕", "warn": "!", "run": "▶", "skip": "↷", "idle": "·"}


@dataclass(frozen=True)
class Node:
    """A task of the graph: `after` maps each task before it to the outcome that it waits for."""

    name: str
    href: str
    state: str
    after: Mapping[str, str]


def dependency_graph(caption: str, nodes: Sequence[Node]) -> Markup:
    """Return the graph; edges to tasks that are not among the nodes are left out of the drawing."""
    places = _places(nodes)
    drawing = [
        element(
            "marker",
            element("path", d="M0 0 8 4 0 8z", class_="arrow"),
            id="arrow", viewBox="0 0 8 8", refX=8, refY=4, markerWidth=7, markerHeight=7, orient="auto",
        )
    ]  # fmt: skip
    for node in nodes:
        for before, outcome in node.after.items():
            if before in places:
                drawing += _edge(places[before], places[node.name], outcome)
    drawing += [_box(node, *places[node.name]) for node in nodes]
    wide = max((x for x, _ in places.values()), default=0) + _WIDE + 4
    high = max((y for _, y in places.values()), default=0) + _HIGH + 4
    rows = [
        (one.name, one.state, ", ".join(f"{name} ({on})" for name, on in one.after.items())) for one in nodes
    ]
    return figure(caption, drawing, (wide, high), ("task", "last run", "comes after"), rows)


def _places(nodes: Sequence[Node]) -> dict[str, tuple[float, float]]:
    """Return where each task stands: its column is the longest way to it from a task that comes first."""
    known, columns = {one.name: one for one in nodes}, dict[str, int]()

    def column(name: str, way: frozenset[str]) -> int:
        if name not in columns:
            before = [one for one in known[name].after if one in known and one not in way]
            columns[name] = max((column(one, way | {name}) + 1 for one in before), default=0)
        return columns[name]

    filled, places = dict[int, int](), dict[str, tuple[float, float]]()
    for node in nodes:
        at = column(node.name, frozenset())
        row = filled.get(at, 0)
        filled[at] = row + 1
        places[node.name] = (2.0 + at * _COLUMN, 2.0 + row * _ROW)
    return places


def _edge(start: tuple[float, float], end: tuple[float, float], outcome: str) -> list[Markup]:
    x1, y1, x2, y2 = start[0] + _WIDE, start[1] + _HIGH / 2, end[0], end[1] + _HIGH / 2
    bend = (x1 + x2) / 2
    curve = f"M{x1:g} {y1:g} C{bend:g} {y1:g} {bend:g} {y2:g} {x2 - 2:g} {y2:g}"
    line = element("path", d=curve, class_="edge", marker_end="url(#arrow)")
    words = [] if outcome == "success" else [element("text", outcome, x=x1 + 4, y=y1 - 5)]
    return [line, *words]


def _box(node: Node, x: float, y: float) -> Markup:
    kind = kind_of(node.state)
    name = node.name if len(node.name) <= _LETTERS else f"{node.name[:_LETTERS]}…"
    return element(
        "a",
        element("title", f"{node.name}: {node.state}"),
        element("rect", x=x, y=y, width=_WIDE, height=_HIGH, rx=8, class_=f"node s-{kind}"),
        element("text", name, x=x + 12, y=y + 18, class_="name"),
        element("text", f"{_SIGNS[kind]} {node.state}", x=x + 12, y=y + 35),
        href=node.href,
    )
