"""*Graph*: tasks that come after others, each with the state of its last run."""

from typing import Any, Final

from mission_control.operate.dependencies import upstream_graph
from mission_control.web.pages.charts.dependency_graph import Node, dependency_graph
from mission_control.web.pages.visit import Visit
from mission_control.web.paths import segment

_MOST: Final = 150


def read(visit: Visit) -> dict[str, Any]:
    """Return the graph, or its part with a text in the ids of tasks."""
    here, text = visit.installation, visit.text("text").casefold()
    linked = upstream_graph(one for one in here.registry.readable() if visit.shows(one.id))
    named = {one for one in linked if text in one.casefold()}
    wanted = sorted(
        named
        | {up for one in named for up in linked[one]}
        | {one for one in linked if named & linked[one].keys()}
    )
    shown = wanted[:_MOST]
    latest = here.ledger.latest_of(shown, limit=1)
    states = {one: str(runs[0].state) if runs else "no run yet" for one, runs in latest.items()}
    nodes = [Node(one, f"/tasks/{segment(one)}", states[one], linked[one]) for one in shown]
    return {
        "chart": dependency_graph(f"{len(shown)} tasks", nodes),
        "count": len(linked),
        "left_out": len(wanted) - len(shown),
    }
