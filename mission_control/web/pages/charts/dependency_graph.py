"""Tasks and what comes after them, from left to right, each with the state of its last run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mission_control.web.pages.charts.elements import element, figure
from mission_control.web.pages.states import kind_of

_WIDE, _HIGH, _COLUMN, _ROW, _LETTERS = 190, 44, 250, 62, 24
_Place = tuple[float, float]
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
    columns = _columns(nodes)
    filled = Counter[int]()
    places = {one.name: _next_place(columns[one.name], filled) for one in nodes}
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
                between = range(columns[before] + 1, columns[node.name])
                lanes = [_next_place(column, filled) for column in between]
                drawing += _edge(places[before], lanes, places[node.name], outcome)
    drawing += [_box(node, *places[node.name]) for node in nodes]
    wide = max(filled, default=0) * _COLUMN + _WIDE + 6
    high = max([1, *filled.values()]) * _ROW - _ROW + _HIGH + 6
    rows = [
        (one.name, one.state, ", ".join(f"{name} ({on})" for name, on in one.after.items())) for one in nodes
    ]
    return figure(caption, drawing, (wide, high), ("task", "last run", "comes after"), rows)


def _columns(nodes: Sequence[Node]) -> dict[str, int]:
    """Return each task's column: the longest way to it from a task that comes first."""
    known, columns = {one.name: one for one in nodes}, dict[str, int]()

    def column(name: str, way: frozenset[str]) -> int:
        if name not in columns:
            before = [one for one in known[name].after if one in known and one not in way]
            columns[name] = max((column(one, way | {name}) + 1 for one in before), default=0)
        return columns[name]

    return {one.name: column(one.name, frozenset()) for one in nodes}


def _next_place(column: int, filled: Counter[int]) -> _Place:
    """Return the first place of a column that neither a task nor an edge on its way to another one has."""
    filled[column] += 1
    return 2.0 + column * _COLUMN, 2.0 + (filled[column] - 1) * _ROW


def _edge(start: _Place, lanes: Sequence[_Place], end: _Place, outcome: str) -> list[Markup]:
    """Return an edge that passes through its lane of each column between, where no task stands."""
    x, y = start[0] + _WIDE, start[1] + _HIGH / 2
    curve = f"M{x:g} {y:g}"
    for place in (*lanes, end):
        left, middle = place[0] - 2, place[1] + _HIGH / 2
        bend = (x + left) / 2
        curve += f" C{bend:g} {y:g} {bend:g} {middle:g} {left:g} {middle:g}"
        if place is not end:
            x, y = place[0] + _WIDE, middle
            curve += f" H{x:g}"
    line = element("path", d=curve, class_="edge", marker_end="url(#arrow)")
    at = (lanes[-1][0] + _WIDE / 2, y) if lanes else (bend, (y + middle) / 2)
    words = element("text", outcome, x=at[0], y=at[1] - 5, text_anchor="middle")
    return [line] if outcome == "success" else [line, words]


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
