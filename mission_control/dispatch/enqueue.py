"""Ad-hoc runs: a task, or a bare handler, runs once outside any schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from ulid import ULID

from mission_control.dispatch.arguments import (
    bad_argument,
    check_key,
    checked_params,
    due_time,
    fingerprint,
    limit_uses,
    route_problems,
)
from mission_control.dispatch.run_ending import RunEnding
from mission_control.dispatch.run_handle import Run
from mission_control.errors import InvalidTaskError, StoreUnavailableError, UnknownTaskError
from mission_control.installation.installation import Installation
from mission_control.ledger.ledger import Entered
from mission_control.messaging.message import send
from mission_control.model.problems.messages import shown
from mission_control.model.problems.suggestions import quoted
from mission_control.model.runs.new_run import ad_hoc_run, manual_run
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import task_id_problem
from mission_control.registry.registry import Registry
from mission_control.store.connection import store_errors

if TYPE_CHECKING:
    from celery import Celery

_HANDLER_PREFIX: Final = "handlers."
# Once more, on a new connection: the pooled one may have been cut since it was last used.
_SEND_AGAIN: Final = {"max_retries": 1, "interval_start": 0.1}


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """When a run is due and how it travels; what is None is the task's, or now.

    `at` is an aware datetime, or words in the installation's time zone: "tomorrow 09:00". `delay` is seconds,
    a timedelta, or words: "5m". At most one of them is given. `priority` is
    0 (first) to 9 (last), as Celery has it on Redis. `overlap` says what a task's run does while another run
    of the task is active: "queue" waits for its end, "allow" starts at once. `limits` are those of the run.
    """

    at: datetime | str | None = None
    delay: timedelta | float | str | None = None
    queue: str | None = None
    priority: int | None = None
    overlap: Literal["queue", "allow"] | None = None
    limits: Sequence[str | Mapping[str, Any]] | None = None


NO_OPTIONS: Final = RunOptions()


@dataclass(frozen=True)
class Dispatch:
    """Enters runs outside any schedule and sends them; bare handlers run on `default_queue`."""

    ending: RunEnding
    registry: Registry
    app: Celery
    redis_url: str
    default_queue: str

    @classmethod
    def of(cls, installation: Installation) -> Dispatch:
        """Return the one of an installation."""
        with store_errors(installation.redis_url):
            return cls(
                ending=RunEnding.of(installation),
                registry=installation.registry,
                app=installation.celery,
                redis_url=installation.redis_url,
                default_queue=installation.settings.queues[0],
            )

    def enqueue(
        self,
        task_id_or_handler: str,
        params: Mapping[str, Any] | None = None,
        options: RunOptions = NO_OPTIONS,
        *,
        idempotency_key: str | None = None,
    ) -> Run:
        """Send a run; see `mission_control.enqueue`."""
        with store_errors(self.redis_url):
            run, ledger = self.prepare(task_id_or_handler, params, options), self.ending.ledger
            if idempotency_key is None:
                entered = ledger.dispatch(run)
            else:
                entered = self._dispatch_once(run, params, idempotency_key)
                if entered.execution_id != run.execution_id:
                    return Run(entered.execution_id, ledger, self.redis_url)
            if entered is None or entered.waits_for is None:  # else the end of that run sends it
                self._send(run, idempotency_key)
        return Run(run.execution_id, ledger, self.redis_url)

    def catch_up(self, task_id: str, scheduled_time: datetime, *, key: str) -> bool:
        """Send a run in the place of an occurrence that did not run; False if `key` was used before.

        It is a manual run with that `scheduled_time`.

        Raises:
            UnknownTaskError: no task has that id.
        """
        with store_errors(self.redis_url):
            run = replace(self.prepare(task_id), scheduled_time=scheduled_time)
            entered = self._dispatch_once(run, None, key)
            is_first = entered.execution_id == run.execution_id
            if is_first and entered.waits_for is None:
                self._send(run, key)
        return is_first

    def _dispatch_once(self, run: RunRecord, params: Mapping[str, Any] | None, key: str) -> Entered:
        check_key(key)
        asked = fingerprint(params)
        entered = self.ending.ledger.dispatch_once(run, key, asked)
        first = entered.execution_id
        name = first.rpartition("@")[0]
        if name != run.task_id:
            field = "handler" if run.task_id == run.handler else "task_id"
            raise bad_argument(
                field,
                f"idempotency_key {quoted(key)} is that of run {first}; use another key for {run.task_id}",
            )
        if entered.fingerprint != asked:
            raise bad_argument(
                "params", f"idempotency_key {quoted(key)} is that of run {first} with others; use another key"
            )
        return entered

    def prepare(
        self,
        task_id_or_handler: str,
        params: Mapping[str, Any] | None = None,
        options: RunOptions = NO_OPTIONS,
    ) -> RunRecord:
        """Return the run that `enqueue` would send, without entering or sending it."""
        now = self.ending.clock()
        due = due_time(now, options.at, options.delay, self.registry.check.default_timezone)
        problems = route_problems(options.queue, options.priority, options.overlap)
        if problems:
            raise InvalidTaskError(problems, subject="enqueue")
        run = self._run(task_id_or_handler, params, due, now)
        limits = run.limits if options.limits is None else limit_uses(options.limits)
        if problems := self.registry.check.limit_problems(limits or [], run.params):
            raise InvalidTaskError(problems, subject="enqueue")
        overlaps = run.overlaps or None if options.overlap is None else options.overlap == "allow" or None
        return replace(
            run,
            queue=run.queue if options.queue is None else options.queue,
            priority=run.priority if options.priority is None else options.priority,
            overlaps=overlaps,
            limits=limits,
        )

    def _run(self, name: str, params: Mapping[str, Any] | None, due: datetime, now: datetime) -> RunRecord:
        if not isinstance(name, str):
            raise bad_argument(
                "task_id_or_handler", f"{shown(name)} is neither the id of a task nor the path of a handler"
            )
        ulid = str(ULID())
        task = self.registry.definition(name, to_run=True) if task_id_problem(name) is None else None
        given = None if params is None else checked_params(params)
        if task is not None:
            run = manual_run(task, ulid=ulid, at=due, now=now)
            return run if given is None else replace(run, params={**run.params, **given})
        if not name.startswith(_HANDLER_PREFIX) or task_id_problem(name) is not None:
            raise UnknownTaskError(
                f"no task has the id {quoted(name)}; see `mission-control task list`, or name a handler"
            )
        problem = self.registry.check.handler_problem(name)
        if problem is not None:
            raise bad_argument("handler", problem)
        return ad_hoc_run(
            name, {} if given is None else given, ulid=ulid, at=due, now=now, queue=self.default_queue
        )

    def _send(self, run: RunRecord, idempotency_key: str | None) -> None:
        from kombu.exceptions import OperationalError
        from redis.exceptions import RedisError

        eta = run.scheduled_time if run.scheduled_time > run.dispatched_at else None
        try:
            send(self.app, run, eta=eta, retry_policy=_SEND_AGAIN)
        except (OperationalError, RedisError) as error:
            # Cancelled, it neither counts as active nor answers for its key.
            self.ending.close(run, RunState.CANCELLED, f"its message could not be sent: {error}")
            if idempotency_key is not None:
                self.ending.ledger.forget_key(idempotency_key)
            raise StoreUnavailableError(
                f"run {run.execution_id} was not sent and is cancelled: {error}; try again"
            ) from error
