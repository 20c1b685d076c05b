"""*Run*: how it came to its state, why, its attempts, params, output and log; and all of it as one file."""

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

from mission_control.audit.record.masking import masked_value
from mission_control.audit.stream.reader import tail
from mission_control.dispatch.run_control import existing_run
from mission_control.dispatch.run_logs import LogLine, RunLogs
from mission_control.model.runs.run_record import RunRecord
from mission_control.operate.assembly import asking, eta_of
from mission_control.operate.run_path import run_path
from mission_control.operate.runs import run_json
from mission_control.operate.simulation.recent_estimates import recent_estimates
from mission_control.web.pages.visit import Visit

_LINES: Final = 200
FLOWER: Final = "http://127.0.0.1:5555"
"""Where `celery flower` listens by default."""


def read(visit: Visit) -> dict[str, Any]:
    """Return all about a run that its page shows."""
    here = visit.installation
    run = existing_run(here.ledger, visit.path["execution_id"])
    lines = RunLogs(here.client, here.run_logs).lines(run.execution_id)
    return {
        "run": run,
        "why": asking(here).why(run.execution_id),
        "path": run_path(run),
        "params": _params(run),
        "output": masked_value(run.output),
        "lines": lines[-_LINES:],
        "left_out": max(0, len(lines) - _LINES),
        "attempts": _attempts(run, lines),
        "traceback": "\n".join(
            one.text for one in lines if one.stream == "traceback" and one.attempt == run.attempt
        ),
        "eta": recent_estimates(here.ledger).of_runs(eta_of(here), [run], visit.now).get(run.execution_id),
        "flower": FLOWER,
    }


def _params(run: RunRecord) -> dict[str, Any]:
    hidden = set(run.secret_params or ())
    shown: Any = masked_value({name: "***" if name in hidden else one for name, one in run.params.items()})
    return dict(shown)


def _attempts(run: RunRecord, lines: Sequence[LogLine]) -> list[tuple[int, list[LogLine]]]:
    """Return each attempt with its lines, as far as the log has any."""
    found = {number: list(some) for number, some in groupby(lines, key=lambda one: one.attempt)}
    return [(number, found.get(number, [])) for number in range(1, run.attempt + 1)]


def capsule_of(visit: Visit) -> str:
    """Return all that is known of a run, secrets masked, as JSON."""
    here = visit.installation
    found = existing_run(here.ledger, visit.path["execution_id"])
    name = found.execution_id
    records = tail(here.settings.task_execution_log, max(1, found.attempt), execution_id=name)
    whole = {
        "run": {**run_json(found), "params": _params(found)},
        "why": asking(here).why(name).to_json(),
        "path": [vars(one) for one in run_path(found)],
        "log": [vars(one) for one in RunLogs(here.client, here.run_logs).lines(name)],
        "audit": records,
    }
    return json.dumps(whole, ensure_ascii=False, indent=1, default=str)
