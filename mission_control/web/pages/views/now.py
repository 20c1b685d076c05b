"""*Now*: whether all that should have run did; what runs, what is due, what needs a person."""

from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Any

from mission_control.ledger.run_reader import RunReader
from mission_control.model.runs.run_record import RunRecord
from mission_control.operate.assembly import eta_of
from mission_control.operate.attention import attention
from mission_control.operate.simulation.recent_estimates import recent_estimates
from mission_control.operate.situation import situation
from mission_control.operate.situation_of_some import situation_of_some
from mission_control.operate.verdict import verdict_line
from mission_control.web.pages.visit import Visit

_SHOWN = 10
_LATEST = 10


def read(visit: Visit) -> dict[str, Any]:
    """Return the situation of the tasks that are shown, its verdict, and what ended since the last visit."""
    here = visit.installation
    parts = (here.client, here.registry, here.ledger, here.celery)
    how: dict[str, Any] = {"now": visit.now, "redbeat_keys": here.redbeat_keys, "only": visit.own}
    found = situation(*parts, **how, with_outcomes=False)
    if visit.own is not None:
        found = situation_of_some(found, visit.own)
    since = visit.moment("since", visit.now - timedelta(hours=24))
    noticed = attention(here.ledger, since, only=visit.own)
    shown = found.active[:_SHOWN]
    words = "since your last visit" if visit.text("since") else "in the last 24 hours"
    return {
        "found": found,
        "since": since,
        "since_words": words,
        "noticed": noticed,
        "verdict": verdict_line(found.issues, noticed.outcomes, words),
        "active": shown,
        "usual": usual_durations(here.ledger, shown),
        "etas": recent_estimates(here.ledger).of_runs(eta_of(here), shown, visit.now),
    }


def usual_durations(ledger: RunReader, runs: Sequence[RunRecord]) -> dict[str, timedelta]:
    """Return for the tasks of some runs how long half of their latest successful runs took at most."""
    latest = ledger.latest_of(sorted({run.task_id for run in runs}), limit=_LATEST)
    took = {
        name: [run.duration_ms for run in found if run.state == "success" and run.duration_ms is not None]
        for name, found in latest.items()
    }
    return {name: timedelta(milliseconds=median(some)) for name, some in took.items() if some}
