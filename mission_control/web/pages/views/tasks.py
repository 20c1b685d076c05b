"""*Tasks*: all of them, a page at a time, or those of a state or with a text in their id."""

from itertools import islice
from typing import Any, Final

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.run_record import RunRecord
from mission_control.operate.selected_tasks import status_of
from mission_control.operate.simulation.tally import rank
from mission_control.operate.tasks import summary_of
from mission_control.web.pages.charts.sparkline import sparkline
from mission_control.web.pages.visit import Visit

_PAGE: Final = 50
_LATEST: Final = 20
STATUSES: Final = ("enabled", "paused", "disabled", "completed", "quarantined")


def read(visit: Visit) -> dict[str, Any]:
    """Return a page of tasks, each with its schedule in words and what its latest runs show."""
    here = visit.installation
    text, status = visit.text("text").casefold(), visit.one_of("status", STATUSES)
    at, ids = visit.number("page", 1, 1_000_000), [*filter(visit.shows, here.registry.ids())]
    named = sorted(one for one in ids if text in one.casefold()) if text else sorted(ids)
    pauses = here.pauses.read().in_force(visit.now)
    first = (at - 1) * _PAGE
    only = named if status else named[first : first + _PAGE]
    each = here.registry.each(enabled_only=False, only=only)
    rows = ((shown, task, status_of(shown, task, pauses)) for shown, task in each)
    taken = (row for row in rows if not status or row[2] == status)
    found = list(islice(taken, *(first, first + _PAGE + 1) if status else (None,)))
    latest = here.ledger.latest_of([shown["id"] for shown, _, _ in found[:_PAGE]], limit=_LATEST)
    return {
        "rows": [
            {
                "is": summary_of(shown, task),
                "shown": shown,
                "status": state,
                "rule": rule_of(task),
                "spark": sparkline([(run.state, run.duration_ms) for run in latest.get(shown["id"], [])]),
                "took": percentiles(latest.get(shown["id"], [])),
            }
            for shown, task, state in found[:_PAGE]
        ],
        "count": len(ids),
        "matching": None if status else len(named),
        "page_number": at,
        "has_more": len(found) > _PAGE if status else first + _PAGE < len(named),
        "statuses": STATUSES,
    }


def rule_of(task: TaskDefinition | None) -> str:
    """Return when a task runs, in words."""
    if task is None:
        return "its definition cannot be read"
    rule = task.schedule.describe() if task.schedule.has_occurrences else ""
    after = f"after {', '.join(one.task for one in task.after)}" if task.after else ""
    return ", ".join(filter(None, (rule, after))) or "only by hand"


def percentiles(runs: list[RunRecord]) -> tuple[float, float] | None:
    """Return in how many milliseconds 50 % and 95 % of some runs ended; None if none has."""
    took = sorted(run.duration_ms for run in runs if run.duration_ms is not None)
    return (rank(took, 0.5), rank(took, 0.95)) if took else None
