"""Firing and running in this process: the same scheduler and the same tasks, without processes between.

Beat and workers are loaded by name, as Celery itself loads a scheduler or an application: `mission_control`
imports neither.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from celery.utils.imports import symbol_by_name

from mission_control.errors import HandlerError
from mission_control.ledger import RunState
from mission_control.messaging.celery_app import create_app
from mission_control.messaging.celery_config import BEAT_SCHEDULER
from mission_control.messaging.message import message_kwargs
from mission_control.messaging.run_handle import result_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery

    from mission_control.installation import Installation
    from mission_control.ledger import RunRecord

_BUILD_WORKER_APP: Final = "workers.app:build_app"


class InProcess:
    """Fires and runs an installation's tasks without beat and worker processes.

    Ledger, audit, contract and retry policy are those of a worker. Time limits are not enforced: they
    need a process that can be killed.
    """

    def __init__(self, installation: Installation, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._installation = installation
        self._sleep = sleep

    def fire_due(self) -> list[RunRecord]:
        """Enter the runs that are due, as beat would, and return them instead of sending them."""
        fired: list[RunRecord] = []
        scheduler_class = symbol_by_name(BEAT_SCHEDULER)
        app = create_app("beat", lambda: self._installation)
        scheduler = scheduler_class(app, installation=self._installation, deliver=fired.append, lazy=True)
        scheduler.fire_due(self._installation.clock())
        return fired

    def run(self, run: RunRecord) -> dict[str, Any]:
        """Run an entered run to its end, waiting for its retries, and return the handler's result.

        The result has the shape of the contract, and the run's `execution_id`.

        Raises:
            HandlerError: this process has no such handler.
        """
        task = self._app.tasks.get(run.handler)
        if task is None:
            raise HandlerError(f"{run.execution_id}: {self._installation.catalog.problem(run.handler)}")
        current: RunRecord | None = run
        while current is not None and not current.state.is_final:
            if current.retry_at is not None:
                self._sleep(max(0.0, (current.retry_at - self._installation.clock()).total_seconds()))
            task.apply(kwargs=message_kwargs(run), task_id=run.execution_id, retries=current.attempt)
            current = self._after(current)
        result = {} if current is None else result_of(current)
        return {**result, "execution_id": run.execution_id}

    def _after(self, before: RunRecord) -> RunRecord | None:
        after = self._installation.ledger.get(before.execution_id)
        if after is not None and (after.state, after.attempt) == (before.state, before.attempt):
            raise HandlerError(f"{before.execution_id} did not run: it is {after.state} elsewhere")
        return after if after is None or after.state is not RunState.RUNNING else None

    @cached_property
    def _app(self) -> Celery:
        app = symbol_by_name(_BUILD_WORKER_APP)(lambda: self._installation)
        app.finalize(auto=True)
        return app
