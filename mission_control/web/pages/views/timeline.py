"""*Timeline*: the latest runs on an axis of time: sent late, waited in the queue, ran."""

from typing import Any

from mission_control.model.runs.run_record import RunRecord
from mission_control.operate.run_pages import run_page
from mission_control.web.pages.charts.run_bars import RunBar, run_bars
from mission_control.web.pages.visit import Visit
from mission_control.web.paths import segment


def read(visit: Visit) -> dict[str, Any]:
    """Return the chart of the latest runs of all tasks, or of one."""
    task_id, most = visit.text("task"), visit.number("n", 30, 100)
    found = run_page(
        visit.installation.ledger,
        task_id=task_id or None,
        after=visit.text("after"),
        most=most,
        only=visit.own,
    )
    bars = [_bar(run) for run in sorted(found.runs, key=lambda run: run.due_at, reverse=True)]
    caption = f"The latest {len(bars)} runs" + (f" of {task_id}" if task_id else "")
    return {"chart": run_bars(caption, bars, visit.now, visit.zone), "found": found, "task_id": task_id}


def _bar(run: RunRecord) -> RunBar:
    first = run.first_started_at if run.first_started_at is not None else run.started_at
    times = (run.due_at, run.dispatched_at, first, run.finished_at)
    return RunBar(run.execution_id, f"/runs/{segment(run.execution_id)}", str(run.state), *times)
