"""`mission-control handler test`."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import replace
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.completions import HANDLER_PATHS
from mission_control.cli.terminal.failures import ExitCode
from mission_control.cli.terminal.output import as_text, echo, echo_json, lines_of, tell
from mission_control.configuration.clock import utc_now
from mission_control.events.log_format import TextFormatter
from mission_control.handler_catalog.catalog import catalog_from
from mission_control.model.values.quantities import duration

if TYPE_CHECKING:
    from mission_control.model.runs.run_record import RunRecord


@click.command(epilog="Example: mission-control handler test handlers.hello.run -p name=Ada")
@click.argument("path", shell_complete=HANDLER_PATHS)
@parameters.run_params
@parameters.as_json
def test(path: str, params: dict[str, Any] | None, as_json: bool) -> ExitCode:
    """Run a handler, or a condition, once in this process, and check its result against the contract.

    Records nothing in the ledger or the audit stream. What the handler prints and logs goes to stderr, and so
    does its traceback. Secrets in its params are masked in all of it. Exit code 1: it failed.
    """
    result, took, traceback = _run(path, {} if params is None else params)
    if traceback is not None:
        tell(lines_of(traceback.rstrip()))
    if as_json:
        echo_json({**result, "duration_ms": round(took / timedelta(milliseconds=1))})
    elif result["error"] is None:
        echo(as_text(result["output"]))
    else:
        tell(f"{path}: {result['error']}")
    tell(f"{result['status']} after {duration(took)}")
    return ExitCode.DONE if result["error"] is None else ExitCode.FAILED


def _run(path: str, params: dict[str, Any]) -> tuple[dict[str, Any], timedelta, str | None]:
    from mission_control.cli.handler.probe import load
    from mission_control.configuration.settings import read_settings
    from mission_control.errors import HandlerError

    settings = read_settings()
    catalog = catalog_from(settings.handlers)
    problem = catalog.problem(path)
    if problem is not None:
        raise HandlerError(problem)
    worker, inputs = import_module("workers.call.invocation"), import_module("workers.call.handler_params")
    began = time.monotonic()
    shown = logging.StreamHandler()
    shown.setFormatter(TextFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s")))
    logging.basicConfig(level=logging.INFO, handlers=[shown])
    with redirect_stdout(sys.stderr):
        handler = load(catalog, catalog.handlers()[path])
        run = _trial(path, params)
        given = inputs.handler_params(
            run, inputs.SecretSources(settings.secrets_allow, settings.data_dir, os.environ)
        )
        context = worker.context_for(run, given.params, last_success_time=None)
        with _masked_output(run, given.named):
            judge = partial(import_module("workers.call.condition").tried, path)
            outcome = given.masked(worker.invoke(handler, context, judge=judge))
    took = timedelta(seconds=time.monotonic() - began)
    error = getattr(outcome, "error", None)
    if hasattr(outcome, "seen"):
        return {"status": "skipped", "output": outcome.seen, "error": None}, took, None
    status = "success" if error is None else "failure"
    result = {"status": status, "output": given.named.in_value(outcome.output), "error": error}
    return result, took, getattr(outcome, "traceback", None)


def _masked_output(run: RunRecord, secrets: Any) -> AbstractContextManager[None]:  # noqa: ANN401  # the workers'
    """Mask what is printed and logged as a worker does, which also keeps it: here no line is kept."""
    logs, senders = import_module("workers.call.attempt_log"), import_module("workers.call.attempt_log")
    kept = logs.AttemptLog(
        run, senders.LogSender(None, most=0, keep=timedelta()), clock=utc_now, secrets=secrets
    )
    masked: AbstractContextManager[None] = import_module("workers.call.captured_output").captured(kept)
    return masked


def _trial(path: str, params: dict[str, Any]) -> RunRecord:
    """Return an unrecorded run, which the handler's context needs."""
    from ulid import ULID

    from mission_control.model.runs.new_run import ad_hoc_run

    now = utc_now()
    return replace(ad_hoc_run(path, params, ulid=str(ULID()), at=now, now=now, queue="default"), attempt=1)
