"""A handler in a new process, which ends with it: for tasks with `"fresh_process": true`."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextvars import copy_context
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.instants import format_instant
from mission_control.processes.launch import launched
from mission_control.processes.service_process import ServiceCommand, ServiceProcess
from workers.call.invocation import Failure, Outcome, Success

GRACE: Final = timedelta(seconds=5)
"""How long an interrupted handler may clean up before its process is killed."""

_MODULE: Final = "workers.tasks.fresh_process"
_LOOK_EVERY_SECONDS: Final = 0.02


def call_in_own_process(
    run: RunRecord, last_success: datetime | None, environment: Mapping[str, str], _context: dict[str, Any]
) -> Outcome:
    """Call the handler of a claimed run in a new process, which reads its settings from `environment`.

    Guarantees: nothing of the handler's outlives the call but what has detached itself, its threads and
    processes included. An exception that interrupts the call interrupts the handler with SIGTERM.
    """
    with TemporaryDirectory(prefix="mission-control-") as place:
        answer = Path(place, "outcome.json")
        since = "" if last_success is None else format_instant(last_success)
        argv = [*launched(_MODULE), run.execution_id, str(run.fence), since, str(answer)]
        process = ServiceProcess(ServiceCommand("handler", argv), environment, subprocess.PIPE)
        reader = threading.Thread(target=copy_context().run, args=(_pass_on, process.output), daemon=True)
        reader.start()
        try:
            while process.exit_code is None:
                time.sleep(_LOOK_EVERY_SECONDS)
        finally:
            process.ask_to_stop()
            process.wait_or_kill(GRACE)
            reader.join(timeout=1.0)  # what has detached itself may hold the pipe open
        return read_outcome(answer.read_text("utf-8")) if answer.exists() else _died(process.exit_code)


def outcome_text(outcome: Outcome) -> str:
    """Return an outcome as JSON.

    >>> read_outcome(outcome_text(Success([1, "two"])))
    Success(output=[1, 'two'])
    """
    return json.dumps([type(outcome).__name__, vars(outcome)])


def read_outcome(text: str) -> Outcome:
    """Return the outcome that `outcome_text` wrote."""
    kind, fields = json.loads(text)
    if kind == Success.__name__:
        return Success(**fields)
    return Failure(**{**fields, "state": RunState(fields["state"])})


def _pass_on(output: IO[bytes]) -> None:
    with output:
        for line in output:
            sys.stdout.write(line.decode(errors="backslashreplace"))


def _died(exit_code: int | None) -> Failure:
    how = f"signal {-exit_code}" if exit_code is not None and exit_code < 0 else f"exit code {exit_code}"
    return Failure(f"the handler's process died: {how}", state=RunState.LOST, reason=str(RunState.LOST))
