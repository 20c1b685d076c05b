"""*Activity*: who changed what, when and why, the latest first."""

from typing import Any

from mission_control.audit.stream.reader import tail
from mission_control.web.pages.visit import Visit


def read(visit: Visit) -> dict[str, Any]:
    """Return the latest records of changes, of all tasks or of one."""
    task_id, most = visit.text("task"), visit.number("n", 50, 200)
    log = visit.installation.settings.task_changes_log
    found = tail(log, most, task_id=task_id or None, only=visit.own)
    return {"records": found[::-1], "task_id": task_id, "most": most}
