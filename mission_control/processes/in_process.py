"""Firing and running in this process: the same scheduler and the same tasks, without processes between.

Beat and workers are loaded by name, as Celery itself loads a scheduler or an application: `mission_control`
imports neither.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from importlib.machinery import PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from celery.utils.imports import symbol_by_name

from mission_control.configuration.settings import working_folder
from mission_control.dispatch.run_ending import RunEnding
from mission_control.dispatch.run_handle import Run, result_of
from mission_control.errors import HandlerError, UnknownRunError
from mission_control.handler_catalog.catalog import HandlerCatalog
from mission_control.messaging.celery_config import BEAT_SCHEDULER
from mission_control.messaging.message import message_kwargs, send
from mission_control.model.runs.handler_contract import ExecutionResult
from mission_control.model.runs.run_record import INTERRUPTED, RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.processes.launch import OURS
from mission_control.safe_paths.paths import path_problem

if TYPE_CHECKING:
    from celery import Celery

ELSEWHERE_WITHIN_SECONDS: Final = 60.0
_LOOK_AGAIN_SECONDS: Final = 0.1
_PACKAGES: Final = frozenset({"beat", "workers"})
_BUILD_WORKER_APP: Final = "workers.app:build_app"


@contextmanager
def our_packages() -> Iterator[None]:
    """While entered, `beat` and `workers` are ours, though the program may have such modules of its own.

    Handlers find modules in the working folder, as they do in a worker, if no other user can change it.
    """
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in _PACKAGES}
    is_apart = any(map(_is_other, before.values())) if before else any(map(_finds_other, _PACKAGES))
    path, folder = list(sys.path), working_folder()
    is_safe = folder is not None and path_problem(folder) is None
    sys.path[:] = [*([OURS] if is_apart else []), *path, *([str(folder)] if is_safe else [])]
    if is_apart:
        _replace_packages(_loaded)
    try:
        yield
    finally:
        sys.path[:] = path
        if is_apart:
            _loaded.update(_replace_packages(before))


# Our modules, while the program's own are in their place.
_loaded: dict[str, ModuleType] = {}


def _is_other(module: ModuleType) -> bool:
    return not str(module.__file__).startswith(f"{OURS}/")


def _finds_other(name: str) -> bool:
    found = PathFinder.find_spec(name)
    return found is not None and not str(found.origin).startswith(f"{OURS}/")


def _replace_packages(modules: Mapping[str, ModuleType]) -> dict[str, ModuleType]:
    found = [name for name in sys.modules if name.partition(".")[0] in _PACKAGES]
    replaced = {name: sys.modules.pop(name) for name in found}
    sys.modules.update(modules)
    return replaced


class InProcess:
    """Fires and runs an installation's tasks without beat and worker processes.

    Ledger, audit, contract and retry policy are those of a worker. Time limits are not enforced: they
    need a process that can be killed.
    """

    def __init__(
        self,
        *,
        worker: Callable[[Callable[..., Celery]], Celery],
        beat: Callable[[Any, Callable[[RunRecord], None]], Any],
        producer: Celery,
        ending: RunEnding,
        catalog: HandlerCatalog,
        redis_url: str,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._worker = worker
        self._beat = beat
        self._producer = producer
        self._ending = ending
        self._catalog = catalog
        self._redis_url = redis_url
        self._clock = clock
        self._sleep = sleep

    @our_packages()
    def fire_due(self, now: datetime) -> list[RunRecord]:
        """Enter the runs that are due at `now`, as beat would.

        Returns those whose handlers this process has. The others are sent to the workers.
        """
        fired: list[RunRecord] = []

        def deliver(run: RunRecord) -> None:
            if run.handler in self._app.tasks:
                fired.append(run)
            else:
                send(self._producer, run)

        self._beat(symbol_by_name(BEAT_SCHEDULER), deliver).fire_due(now)
        return fired

    @our_packages()
    def check_handler(self, path: str) -> None:
        """Make sure that this process can run a handler.

        Raises:
            HandlerError: it cannot find it.
        """
        if path not in self._app.tasks:
            raise HandlerError(f"this process cannot run {path}: {self._catalog.problem(path)}")

    @our_packages()
    def run(self, run: RunRecord) -> ExecutionResult:
        """Run an entered run to its end, waiting for its retries, and return the handler's result.

        The result has the shape of the contract, and the run's `execution_id`. If a worker has taken the
        run in the meantime, its end is waited for, up to `ELSEWHERE_WITHIN_SECONDS`.

        Raises:
            HandlerError: this process has no such handler.
            RunTimeoutError: a worker has the run, and has not ended it in time.
            UnknownRunError: the run was dropped from the ledger meanwhile.
        """
        self.check_handler(run.handler)
        current = run
        while not current.state.is_final:
            before, current = current, self._attempt(current)
            is_same = (before.state, before.attempt, before.waits_for) == (
                *(current.state, current.attempt, current.waits_for),
            )
            if current.state is RunState.RUNNING or (is_same and current.limited_by is None):
                return self._end_elsewhere(run)
        if current.reason == INTERRUPTED:
            raise KeyboardInterrupt
        return {**result_of(current), "execution_id": run.execution_id}

    def _attempt(self, run: RunRecord) -> RunRecord:
        """Run the next attempt, when it is due, and return the run as it stands afterwards."""
        if run.waits_for is not None:
            return self._after_another(run)
        if run.limited_by is not None:
            self._sleep(_LOOK_AGAIN_SECONDS)
        elif run.retry_at is not None:
            self._sleep(max(0.0, (run.retry_at - self._clock()).total_seconds()))
        task = self._app.tasks[run.handler]
        task.apply(kwargs=message_kwargs(run), task_id=run.execution_id, retries=run.retries)
        return self._existing(run)

    def _existing(self, run: RunRecord) -> RunRecord:
        after = self._ending.ledger.get(run.execution_id)
        if after is None:
            raise UnknownRunError(f"the ledger has dropped run {run.execution_id} while it was being run")
        return after

    def _after_another(self, run: RunRecord) -> RunRecord:
        """Wait for the run that must end first, up to `ELSEWHERE_WITHIN_SECONDS`."""
        stop_at = time.monotonic() + ELSEWHERE_WITHIN_SECONDS
        while run.waits_for is not None and time.monotonic() < stop_at:
            self._sleep(_LOOK_AGAIN_SECONDS)
            run = self._existing(run)
        return run

    def _end_elsewhere(self, run: RunRecord) -> ExecutionResult:
        handle = Run(run.execution_id, self._ending, self._redis_url)
        result = handle.wait(ELSEWHERE_WITHIN_SECONDS)
        return {**result, "execution_id": run.execution_id}

    @cached_property
    def _app(self) -> Celery:
        app = self._worker(symbol_by_name(_BUILD_WORKER_APP))
        app.finalize(auto=True)
        return app
