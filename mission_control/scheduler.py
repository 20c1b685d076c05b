"""`TaskScheduler`: the whole of Mission Control from inside one Python program."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from ulid import ULID

from mission_control.dispatch.run_ending import RunEnding
from mission_control.errors import RunTimeoutError, UnknownTaskError
from mission_control.events.events import service_ended
from mission_control.installation.installation import Installation, create_app, current_installation
from mission_control.model.definitions.registered_task import RegisteredTask
from mission_control.model.runs.handler_contract import ExecutionResult, TaskResult
from mission_control.model.runs.new_run import manual_run
from mission_control.model.runs.run_record import RunRecord
from mission_control.processes.fleet import Fleet
from mission_control.processes.in_process import InProcess
from mission_control.processes.keeper import Keeper, ServiceStatus
from mission_control.store.connection import store_errors


class TaskScheduler:
    """Loads tasks, starts and stops beat and a worker, and runs tasks in this process.

    Works on the installation that the environment describes when it is made. As a context manager it
    starts on entry and stops on exit. All methods raise `StoreUnavailableError`, within seconds, if
    Redis cannot be reached or refuses.
    """

    def __init__(self) -> None:
        self._installation: Installation = current_installation()
        self._keeper: Keeper | None = None
        self._started_in = 0

    def load_tasks(self, path: Path | str | None = None) -> list[RegisteredTask]:
        """Apply a task file to the registry and return the tasks registered now.

        Without a `path` it is `data/tasks/scheduled_tasks.json` (or `TASKS_FILE`), which need not exist.
        Tasks that are not in the file stay as they are.

        Raises:
            TaskFileError: the file cannot be read.
            InvalidTaskError: a definition in it is wrong; lists every problem, and nothing was applied.
        """
        from mission_control.operate.apply import apply_task_file

        file = self._installation.settings.default_tasks_file if path is None else Path(path)
        registry = self._installation.registry
        with self._store_errors():
            if path is not None or file.exists():
                apply_task_file(registry, file, self._installation.resources)
            return cast("list[RegisteredTask]", registry.tasks(enabled_only=False))

    def register_task(self, task_def: Mapping[str, Any], *, replace: bool = False) -> bool:
        """Add a task, as `mission_control.register_task` does; running processes notice it at once."""
        with self._store_errors():
            return self._installation.registry.register(task_def, replace=replace)

    def start(self) -> None:
        """Start beat and a worker in the background; return when both do their work.

        They are processes of their own, write to `data/logs/`, and stop with `stop()`, at the latest when
        this process has died. One that dies is started again, with a growing delay if it dies again and
        again; a log event reports it. A second call starts at once what is down at the moment.

        Raises:
            FleetError: they did not start; the message has their last lines.
        """
        keeper, ours = self._own_keeper(), self._installation
        with self._store_errors():
            if keeper is not None:
                keeper.restore()
                return
            fleet = Fleet(ours.client, ours.settings)
            fleet.start()
        self._keeper, self._started_in = Keeper(fleet, ours.clock, service_ended), os.getpid()
        self._keeper.keep()

    def stop(self, timeout: float | None = None) -> None:
        """Stop beat and the worker; running handlers have `timeout` seconds to finish.

        None is what `MISSION_CONTROL_STOP_GRACE_SECONDS` says, 0 interrupts them at once. An interrupted run
        is recorded so, and begins again with the next worker. Ctrl-C while this waits interrupts them too.
        """
        keeper = self._own_keeper()
        if keeper is not None:
            self._keeper = None
            keeper.end()
            keeper.fleet.stop(timeout)

    def status(self) -> dict[str, ServiceStatus]:
        """Return how beat and the worker that `start` started are, by their names `beat` and `worker`.

        Each has `running`, `pid`, `restarts` (how often it was started again) and `last_end` (how it ended
        the last time: a signal, an exit code, or None). Nothing is returned before `start` and after `stop`.
        """
        keeper = self._own_keeper()
        return {} if keeper is None else keeper.status()

    def run_once(self) -> list[TaskResult]:
        """Fire and run in this process what is due now, and return the results.

        Each result has the shape of the handler contract, `task_id` and `execution_id`. Waits for
        retries. A run that a worker takes at the same moment is waited for, up to a minute; one that is
        not over then has no result here, nor has one whose handler only workers have: it is sent to them.
        """
        with self._store_errors():
            now, results = self._installation.clock(), list[TaskResult | None]()
            while fired := self._in_process.fire_due(now):  # again for what comes after these
                results += [self._result(run) for run in fired]
        return [result for result in results if result is not None]

    def execute_task(self, task_id: str) -> ExecutionResult:
        """Run a task now, in this process, enabled or not, and return the handler's result.

        The result has the shape of the handler contract, and the run's `execution_id`. The run is in the
        ledger and the audit stream like any other; retries are waited for. While another run of the task is
        active it waits for that one, up to a minute.

        Raises:
            UnknownTaskError: there is no such task.
            HandlerError: this process cannot find the handler.
            InvalidTaskError: the task is not signed, where tasks are.
        """
        with self._store_errors():
            task = self._installation.registry.definition(task_id, to_run=True)
            if task is None:
                raise UnknownTaskError(f"no task has the id {task_id!r}")
            self._in_process.check_handler(task.handler)
            now = self._installation.clock()
            run = manual_run(task, ulid=str(ULID()), at=now, now=now)
            entered = self._installation.ledger.dispatch(run)
            return self._in_process.run(run if entered is None else replace(run, waits_for=entered.waits_for))

    def _own_keeper(self) -> Keeper | None:
        return self._keeper if self._started_in == os.getpid() else None  # not in a forked child

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _result(self, run: RunRecord) -> TaskResult | None:
        try:
            return {"task_id": run.task_id, **self._in_process.run(run)}
        except RunTimeoutError:
            return None

    def _store_errors(self) -> Any:  # noqa: ANN401  # contextlib's own type is private
        return store_errors(self._installation.redis_url)

    @cached_property
    def _in_process(self) -> InProcess:
        return in_process(self._installation)


def in_process(installation: Installation, *, sleep: Callable[[float], None] = time.sleep) -> InProcess:
    """Return what fires and runs the tasks of an installation in this process; retries wait by `sleep`."""
    return InProcess(
        worker=lambda build: build(lambda: installation),
        beat=lambda scheduler, deliver: scheduler(
            create_app("beat", lambda: installation), installation=installation, deliver=deliver, lazy=True
        ),
        producer=installation.celery,
        ending=RunEnding.of(installation),
        catalog=installation.catalog,
        redis_url=installation.redis_url,
        clock=installation.clock,
        sleep=sleep,
    )
