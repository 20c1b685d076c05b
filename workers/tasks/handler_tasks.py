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
        recorded. One that is gone, or whose module cannot be read, takes no more messages: its runs wait.
        A task stays registered meanwhile, and then with its new handler: a thread of the pool may begin a run
        at any moment, and Celery forgets one whose task it does not find.
        """
        state = self.catalog.state()
        open_handler_package(self.catalog.usable_directories())
        ready: dict[str, HandlerSource] = {}
        broken: dict[str, str] = {}
        gone = {name for name, task in self.app.tasks.items() if isinstance(task, HandlerTask)}
        for source in self.catalog.handlers().values():
            handler = self._load(source, ready, broken)
            if handler_path_problem(source.path) is None:
                self._register(source.path, handler)
                gone.discard(source.path)
        for name in gone:
            self.app.tasks[name].is_gone = True
        self.ready, self.broken, self.state = ready, broken, state

    def report(self) -> None:
        """Log what was found."""
        events.handlers_found(len(self.ready), list(dict.fromkeys(self.broken.values())))

    def _register(self, path: str, handler: Handler) -> None:
        task = self.app.tasks.get(path)
        if isinstance(task, HandlerTask):
            task.handler, task.is_gone = handler, False
        else:
            self.app.register_task(HandlerTask(path, handler, self.runner))

    def _load(
        self, source: HandlerSource, ready: dict[str, HandlerSource], broken: dict[str, str]
    ) -> Handler:
        try:
            handler = load_handler(source)
        except HandlerError as error:
            problem = str(error)
            broken[source.path] = problem.replace(str(source.file), source.file.name)
        else:
            ready[source.path] = source
            return handler

        def fail(_context: dict[str, Any]) -> dict[str, Any]:
            raise HandlerError(problem)

        return fail


class HandlerTask(Task):
    """The Celery task that runs one handler; a message's keyword arguments are ids only."""

    Request = "workers.process.attempt_request:AttemptRequest"

    def __init__(self, path: str, handler: Handler, runner: AttemptRunner) -> None:
        self.name = path
        self.handler = handler
        self.is_gone = False
        self._runner = runner
        self.guard = runner.guard
        self.cold_exit = ColdExit(runner.ending, runner.guard)

    def start_strategy(self, app: Celery, consumer: Any, **options: Any) -> Any:  # noqa: ANN401  # Celery's
        """Return what takes this task's messages; a handler that is gone is one that was never there."""
        if self.is_gone:
            return lambda message, *_: consumer.on_unknown_task(None, message, KeyError(self.name))
        return super().start_strategy(app, consumer, **options)

    def run(self, *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401  # the ledger has them
        """Run the attempt that the current message asks for."""
        return self._runner.run(self, self.handler)
