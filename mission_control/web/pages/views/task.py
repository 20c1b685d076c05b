"""*Task*: one of them, with its next occurrences, its latest runs, and the revisions it has had."""

from itertools import islice
from typing import Any, Final

from mission_control.audit.record.masking import masked_definition
from mission_control.model.policies.pause import pausing_layers
from mission_control.operate.next_times import unmet_words, upcoming
from mission_control.operate.selected_tasks import status_of
from mission_control.operate.tasks import existing_task, summary_of, task_json, task_revisions
from mission_control.web.pages.charts.sparkline import sparkline
from mission_control.web.pages.views.tasks import percentiles, rule_of
from mission_control.web.pages.visit import Visit

_NEXT: Final = 10
_RUNS: Final = 30


def read(visit: Visit) -> dict[str, Any]:
    """Return all about a task."""
    here, task_id = visit.installation, visit.path["task_id"]
    shown = task_json(here.registry, task_id)
    is_readable = shown["execution_history"]["state"] != "quarantined"
    task = existing_task(here.registry, task_id) if is_readable else None
    seen = here.pauses.read()
    layers = [] if task is None else pausing_layers(seen.in_force(visit.now), task)
    times = [] if task is None else upcoming(task.schedule, visit.now, changed=seen.changed_of(task_id))
    runs = here.ledger.runs_of(task_id, limit=_RUNS)
    return {
        "task": task,
        "summary": summary_of(shown, task),
        "status": status_of(shown, task, seen.in_force(visit.now)),
        "rule": rule_of(task),
        "definition": masked_definition(
            {name: one for name, one in shown.items() if name != "execution_history"}
        ),
        "history": shown["execution_history"],
        "layers": layers,
        "times": [
            (
                one,
                "" if task is None else unmet_words(one, task.schedule, task.condition),
                next((layer for layer in layers if layer.holds(one.due)), None),
            )
            for one in islice(times, _NEXT)
        ],
        "runs": runs,
        "spark": sparkline([(run.state, run.duration_ms) for run in runs]),
        "took": percentiles(runs),
        "file": here.registry.planned.files.of(task_id),
        "downstream": [*filter(visit.shows, here.registry.downstream(task_id))],
        "revisions": []
        if task is None
        else task_revisions(here.registry, here.settings.task_changes_log, task_id)[:20],
    }
