"""*Runs*: the latest first, of all tasks or one, in all states or one."""

from typing import Any

from mission_control.model.filters.filter_fields import RUN_STATUSES
from mission_control.operate.run_pages import MOST_LOOKED_AT, run_page
from mission_control.web.pages.visit import Visit


def read(visit: Visit) -> dict[str, Any]:
    """Return a page of runs."""
    here, status, task_id = visit.installation, visit.one_of("status", RUN_STATUSES), visit.text("task")
    states = RUN_STATUSES[status] if status else ()
    found = run_page(
        here.ledger,
        states=states,
        task_id=task_id or None,
        only=visit.own,
        after=visit.text("after"),
        most=visit.number("n", 50, 100),
    )
    return {
        "found": found,
        "is_cut": found.looked_at >= MOST_LOOKED_AT,
        "status": status,
        "statuses": tuple(RUN_STATUSES),
        "task_id": task_id,
    }
