"""*Workers and queues*: which processes answer, what they do, and what waits for them."""

from typing import Any

from mission_control.operate.journal import last_notes
from mission_control.operate.situation import situation
from mission_control.processes.heartbeats import live_processes
from mission_control.web.pages.visit import Visit


def read(visit: Visit) -> dict[str, Any]:
    """Return processes with their running runs, queues, and what beat did last."""
    here = visit.installation
    parts = (here.client, here.registry, here.ledger, here.celery)
    found = situation(*parts, now=visit.now, redbeat_keys=here.redbeat_keys, with_outcomes=False)
    running = [run for run in found.active if run.state == "running"]
    return {
        "found": found,
        "processes": live_processes(here.client),
        "running": {
            one["name"]: [run for run in running if run.worker == one["name"]] for one in found.workers
        },
        "notes": last_notes(here.client, 15),
    }
