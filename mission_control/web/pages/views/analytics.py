"""*Analytics*: success, durations and lateness over time, failures by cause, and what revisions changed."""

from typing import Any

from mission_control.operate.run_statistics import run_statistics
from mission_control.web.pages.charts.percentile_chart import Point, percentile_chart
from mission_control.web.pages.visit import Visit


def read(visit: Visit) -> dict[str, Any]:
    """Return the statistics of all tasks, or of one, and their charts."""
    task_id, since = visit.text("task"), visit.now - visit.span("last", "24h")
    found = run_statistics(visit.installation.ledger, since, task_id=task_id or None)
    marks = [(one.at, f"revision {one.revision}") for one in found.changes]
    took = [Point(one.at, one.count, *one.took) for one in found.buckets]
    late = [Point(one.at, one.count, *one.late) for one in found.buckets]
    return {
        "found": found,
        "task_id": task_id,
        "last": visit.text("last", "24h"),
        "took": percentile_chart("How long runs took", took, visit.zone, marks),
        "late": percentile_chart("How late runs started", late, visit.zone),
    }
