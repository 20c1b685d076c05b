"""*Tasks*: all of them, a page at a time, or those that a filter takes."""

from itertools import islice
from typing import Any, Final

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.filters.grammar import parse_filter
from mission_control.model.runs.run_record import RunRecord
from mission_control.operate.filters import Filter
from mission_control.operate.search_plan import require_narrow
from mission_control.operate.selected_tasks import status_of
from mission_control.operate.simulation.tally import rank
from mission_control.operate.tasks import summary_of
from mission_control.web.pages.charts.sparkline import sparkline
from mission_control.web.pages.visit import Visit

_PAGE: Final = 50
_LATEST: Final = 20


def read(visit: Visit) -> dict[str, Any]:
    """Return a page of tasks, each with its schedule in words and what its latest runs show.

    Raises:
        InvalidFilterError: the filter of the query is none; says where.
        WideSearchError: it has too many tasks to look at.
    """
    here = visit.installation
    query = parse_filter(visit.text("q"), "task", now=visit.now, zone=visit.zone)
    given, of_ids = Filter(query, visit.now), query.about("task", is_negated=None)
    is_read = len(query.terms) > len(of_ids)  # a definition says whether the filter takes it
    at, ids = visit.number("page", 1, 1_000_000), [*filter(visit.shows, here.registry.ids())]
    named = [one for one in ids if all(term.holds({"task": [one]}) for term in of_ids)]
    if is_read:
        require_narrow(len(named), f"{len(named):,} tasks to look at, by no index")
    pauses = here.pauses.read().in_force(visit.now)
    first = (at - 1) * _PAGE
    only = named if is_read else named[first : first + _PAGE]
    each = here.registry.each(enabled_only=False, only=only)
    rows = ((shown, task, status_of(shown, task, pauses)) for shown, task in each)
    taken = (row for row in rows if not is_read or given.takes_task(row[0], row[2]))
    found = list(islice(taken, *(first, first + _PAGE + 1) if is_read else (None,)))
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
        "matching": None if is_read else len(named),
        "page_number": at,
        "has_more": len(found) > _PAGE if is_read else first + _PAGE < len(named),
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
