"""*Analytics*: success, durations, lateness, failures by cause, change points: by hourly figures."""

from typing import Any, Literal

from mission_control.model.figures.rollup import percentile
from mission_control.operate.analytics import Analytics, analytics, moment_of
from mission_control.web.pages.charts.percentile_chart import Point, percentile_chart
from mission_control.web.pages.visit import Visit


def read(visit: Visit) -> dict[str, Any]:
    """Return the figures of all tasks, or of one, and their charts."""
    task_id, span = visit.text("task"), visit.span("last", "24h")
    since, client = visit.now - span, visit.installation.client
    found = analytics(client, since=since, until=visit.now, task_id=task_id or None, step=span / 24)
    changes = [(moment_of(one.hour), one) for one in found.changes]
    marks = [(at, f"revision {one.revision}") for at, one in changes if one.revision is not None]
    states: dict[str, int] = {}
    for (status, _), count in found.whole.outcomes.items():
        states[status] = states.get(status, 0) + count
    return {
        "found": found,
        "states": states,
        "changes": changes,
        "task_id": task_id,
        "took": percentile_chart("How long runs took", _points(found, "durations"), visit.zone, marks),
        "late": percentile_chart("How late runs started", _points(found, "lateness"), visit.zone),
    }


def _points(found: Analytics, name: Literal["durations", "lateness"]) -> list[Point]:
    points = list[Point]()
    for at, one in found.steps:
        values = getattr(one, name)
        low, high = percentile(values, 0.5), percentile(values, 0.95)
        if low is not None and high is not None:
            points.append(Point(at, one.runs, low, high))
    return points
