"""The process of one handler: `python -m workers.tasks.fresh_process EXECUTION_ID FENCE SINCE ANSWER`.

SINCE is when a run of the task last succeeded, or nothing; the outcome is written to the file ANSWER.
"""

import logging
import os
import signal
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

from mission_control.errors import HandlerError
from mission_control.handler_catalog.catalog import HandlerCatalog
from mission_control.installation.installation import current_installation
from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.instants import parse_instant
from mission_control.processes.supervision import is_orphaned
from workers.call.handler_params import (
    SecretSources,
    SecretUnavailableError,
    handler_params,
    secret_unavailable,
)
from workers.call.invocation import Failure, Handler, Outcome, context_for, invoke
from workers.call.own_process import outcome_text
from workers.tasks.handler_loader import load_handler, open_handler_package
from workers.tasks.spawned_process import begin_spawned_processes_here


def main(execution_id: str, fence: str, since: str, answer: str) -> None:
    """Call the handler of a run, unless another worker has the run now."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    threading.Thread(target=_end_with_the_worker, daemon=True).start()
    begin_spawned_processes_here()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    ours = current_installation()
    run = ours.ledger.get(execution_id)
    if run is None or str(run.fence) != fence:
        return
    last_success = parse_instant(since) if since else None
    sources = SecretSources(ours.settings.secrets_allow, ours.settings.data_dir, os.environ)
    outcome = _outcome(run, last_success, ours.ledger, ours.catalog, sources)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    Path(answer).write_text(outcome_text(outcome), "utf-8")
    os._exit(0)  # whatever threads go on


def _outcome(
    run: RunRecord,
    last_success: datetime | None,
    ledger: Ledger,
    catalog: HandlerCatalog,
    sources: SecretSources,
) -> Outcome:
    try:
        given = handler_params(run, sources)
        upstream = ledger.upstream_outputs(run)
        context = context_for(
            run, given.params, last_success_time=last_success, ledger=ledger, upstream=upstream
        )
        return given.masked(invoke(_loaded(catalog, run.handler), context))
    except SecretUnavailableError as error:
        return secret_unavailable(error)
    except HandlerError as error:
        return Failure(f"HandlerError: {error}")


def _loaded(catalog: HandlerCatalog, path: str) -> Handler:
    open_handler_package(catalog.usable_directories())
    return load_handler(catalog.handlers()[path])


def _end_with_the_worker() -> None:
    while not is_orphaned():
        time.sleep(1.0)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
