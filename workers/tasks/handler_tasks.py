"""Handlers as Celery tasks, each named by its path."""

from dataclasses import dataclass, field
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


@dataclass
class HandlerTasks:
    """The handlers of this process, as tasks of its Celery application.

    `ready` has those that can run, by their path, and `broken` the problems of the others. `state` is that of
    the files as they were loaded.
    """

    app: Celery
    catalog: HandlerCatalog
    runner: AttemptRunner
    ready: dict[str, HandlerSource] = field(default_factory=dict, init=False)
    broken: dict[str, str] = field(default_factory=dict, init=False)
    state: dict[str, tuple[int, int, int]] = field(default_factory=dict, init=False, repr=False)

    def load(self) -> None:
        """Import every handler that this process can find; what was imported before is imported again.

        A handler whose module does not import is registered too: its runs fail with the reason, and are
        recorded. One that is gone, or whose module cannot be read, is not: its runs wait.
        """
        self.state = self.catalog.state()
        open_handler_package(self.catalog.usable_directories())
        for name in [name for name, task in self.app.tasks.items() if isinstance(task, HandlerTask)]:
            self.app.tasks.unregister(name)
        self.ready, self.broken = {}, {}
        for source in self.catalog.handlers().values():
            handler = self._load(source)
            if handler_path_problem(source.path) is None:
                self.app.register_task(HandlerTask(source.path, handler, self.runner))

    def report(self) -> None:
        """Log what was found."""
        events.handlers_found(len(self.ready), list(dict.fromkeys(self.broken.values())))

    def _load(self, source: HandlerSource) -> Handler:
        try:
            handler = load_handler(source)
        except HandlerError as error:
            problem = str(error)
            self.broken[source.path] = problem.replace(str(source.file), source.file.name)
        else:
            self.ready[source.path] = source
            return handler

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
