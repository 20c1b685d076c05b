"""*Runs*: the latest first, those that a filter takes."""

from typing import Any

from mission_control.model.filters.filter_fields import RUN_STATUSES
from mission_control.model.filters.grammar import parse_filter
from mission_control.model.filters.query import Query
from mission_control.model.runs.run_state import RunState
from mission_control.operate.filters import Filter, facts_of_tasks
from mission_control.operate.run_pages import run_page
from mission_control.web.pages.visit import Visit


def read(visit: Visit) -> dict[str, Any]:
    """Return a page of runs.

    Raises:
        InvalidFilterError: the filter of the query is none; says where.
    """
    here = visit.installation
    query = parse_filter(visit.text("q"), "run", now=visit.now, zone=visit.zone)
    states, task_id, is_all = _by_index(query)
    given, facts = Filter(query, visit.now), facts_of_tasks(here.registry, query)
    found = run_page(
        here.ledger,
        states=states,
        task_id=task_id,
        only=visit.own,
        after=visit.text("after"),
        most=visit.number("n", 50, 100),
        takes=None if is_all else lambda run: given.takes_run(run, facts),
    )
    return {"found": found, "is_filtered": bool(query)}


def _by_index(query: Query) -> tuple[set[RunState], str | None, bool]:
    """Return the states and the task that a filter asks for, and whether that is all it asks for."""
    of_states, of_tasks = query.about("state"), [one for one in query.about("task") if one.is_exact]
    states = set(RunState) if of_states else set[RunState]()
    for term in of_states:
        states &= {state for name in term.names for state in RUN_STATUSES[name]}
    named = of_tasks[0].names if len(of_tasks) == 1 else ()
    task_id = named[0] if len(named) == 1 else None
    counted = len(of_states) + (task_id is not None)
    return states, task_id, counted == len(query.terms) and (bool(states) or not of_states)
