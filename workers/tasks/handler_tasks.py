"""Handlers as Celery tasks, each named by its path."""

from typing import Any

from celery import Celery, Task

from mission_control.errors import HandlerError
from mission_control.events import events
from mission_control.handler_catalog.catalog import HandlerCatalog, HandlerSource
from mission_control.model.values.handler_paths import handler_path_problem
from workers.attempt.attempt import AttemptRunner
from workers.call.invocation import Handler
from workers.tasks.cold_exit import ColdExit
from workers.tasks.handler_loader import load_handler, open_handler_package


def register_handlers(app: Celery, catalog: HandlerCatalog, runner: AttemptRunner) -> None:
    """Register a Celery task for every handler that this process can find.

    A handler that cannot be loaded is registered too: its runs fail with the reason, and are recorded,
    instead of being unknown.
    """
    open_handler_package(catalog.directories)
    for source in catalog.handlers().values():
        handler = _load(source)
        if handler_path_problem(source.path) is None:
            app.register_task(HandlerTask(source.path, handler, runner))


def _load(source: HandlerSource) -> Handler:
    try:
        return load_handler(source)
    except HandlerError as error:
        problem = str(error)
        events.handler_broken(source.path, problem)

    def broken(_context: dict[str, Any]) -> dict[str, Any]:
        raise HandlerError(problem)

    return broken


class HandlerTask(Task):
    """The Celery task that runs one handler; a message's keyword arguments are ids only."""

    Request = "workers.process.attempt_request:AttemptRequest"

    def __init__(self, path: str, handler: Handler, runner: AttemptRunner) -> None:
        self.name = path
        self._handler = handler
        self._runner = runner
        self.guard = runner.guard
        self.cold_exit = ColdExit(runner.ending, runner.guard)

    def run(self, *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401  # the ledger has them
        """Run the attempt that the current message asks for."""
        return self._runner.run(self, self._handler)
