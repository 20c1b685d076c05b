"""One attempt of a run: claim it, run the handler, decide what follows, end it in the ledger."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar

from celery import Task
from celery.exceptions import Ignore, Reject, Retry
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from mission_control.audit.record.masking import clean_value
from mission_control.dispatch.run_ending import RunEnding
from mission_control.events import events
from mission_control.messaging.redis_failures import is_lasting
from mission_control.model.runs.run_record import RunRecord
from workers.attempt.attempt_guard import AttemptGuard, GuardedAttempt
from workers.attempt.claim import Claim, Claimer
from workers.attempt.endings import Ending, end_attempt, ending_of
from workers.call import condition
from workers.call.attempt_log import AttemptLog, LogSender
from workers.call.captured_output import captured
from workers.call.failure_log import HandlerFailedError
from workers.call.handler_params import (
    SecretSources,
    SecretUnavailableError,
    handler_params,
    secret_unavailable,
)
from workers.call.invocation import Failure, Handler, Outcome, Skipped, Success, context_for, invoke
from workers.call.leftovers import alone
from workers.call.own_process import call_in_own_process
from workers.call.pool_signals import LeaseLostError, WorkerStopsError

_Answer = TypeVar("_Answer")

SHOWN_OUTPUT: Final = 1_024
PAUSE_FOR_REDIS_SECONDS: Final = 1.0


@dataclass(frozen=True)
class AttemptRunner:
    """Runs the attempts that reach this process."""

    claimer: Claimer
    ending: RunEnding
    guard: AttemptGuard
    sender: LogSender
    environment: Mapping[str, str]
    secrets: SecretSources

    def run(self, task: Task, handler: Handler) -> dict[str, Any]:
        """Run the attempt that a task's message asks for, and return the handler's result to Celery.

        Guarantees: the handler runs only for a claimed attempt. The ledger has the ending before Celery
        does. An ending is recorded only if no other worker has claimed the attempt since. Does not guarantee
        that the handler runs once: if its worker dies, another one runs it with the same attempt number. Two
        round trips to Redis, in addition to Celery's. The result is masked and bounded.

        Raises:
            Retry: another attempt was sent, to run after the policy's delay.
            HandlerFailedError: the run failed for good.
            Ignore: there was nothing to run, or another worker has the run now.
            Reject: Redis was absent when the run was claimed, or the worker stops; the message goes back.
        """
        try:
            claimed = self.claimer.claim(task)
        except (RedisError, OperationalError) as error:
            raise _give_back(task, error) from error
        if claimed.run.upstream:
            outputs = partial(self.ending.ledger.upstream_outputs, claimed.run)
            claimed = replace(claimed, upstream=_persist(task, outputs))
        run = task.request.claimed_run = claimed.run  # by which the signal hook recognizes it
        events.attempt_begun(run)
        with self.guard.over(task.app, run, has_limit=not task.request.is_eager) as guarded:
            outcome, task.request.has_log = self._invoke_captured(task, handler, claimed, guarded)
            finished_at = self.ending.clock()
            ending = ending_of(outcome, run)
            end = partial(end_attempt, run, outcome, ending, at=finished_at, run_ending=self.ending)
            ended = _persist(task, end)
        if ended is None:
            events.ending_refused(run.execution_id, ending.state)
            raise Ignore
        if task.request.has_log:
            self.sender.confirm()
        task.request.ended_run = ended  # the signal hook writes its audit record
        try:
            return _obey(task, outcome, ending if ended.state is ending.state else Ending(ended.state))
        except OperationalError as error:  # not sent; the sweep sends it
            self.ending.record(ended, at=finished_at)
            raise Ignore from error

    def _invoke_captured(
        self, task: Task, handler: Handler, claimed: Claim, guarded: GuardedAttempt
    ) -> tuple[Outcome, bool]:
        """Run the handler; return its outcome, and whether its run may have a log."""
        run = claimed.run
        try:
            given = handler_params(run, self.secrets)
        except SecretUnavailableError as error:
            return secret_unavailable(error), False
        log = AttemptLog(run, self.sender, clock=self.ending.clock, secrets=given.named)
        with captured(log):
            outcome = given.masked(self._invoke(task, handler, claimed, given.params, guarded))
            if isinstance(outcome, Failure) and outcome.traceback is not None:
                log.write("traceback", outcome.traceback)
                events.handler_failed(run, outcome.traceback)
        return outcome, log.count > 0 or run.fence != 1

    def _invoke(
        self,
        task: Task,
        handler: Handler,
        claimed: Claim,
        params: dict[str, Any],
        guarded: GuardedAttempt,
    ) -> Outcome:
        run, ledger = claimed.run, self.ending.ledger
        context = context_for(
            run,
            params,
            last_success_time=claimed.last_success,
            ledger=ledger,
            upstream=claimed.upstream,
        )
        try:
            if run.fresh_process:
                handler = partial(call_in_own_process, run, claimed.last_success, self.environment)
            with alone():
                unmet = None if run.condition is None else self._unmet(task, run, context, guarded)
                return invoke(handler, context, on_start=guarded.begins) if unmet is None else unmet
        except LeaseLostError as error:
            raise Ignore from error
        except WorkerStopsError as error:
            with suppress(RedisError):
                self.ending.interrupt(run)
            raise Reject("given back: the worker stops", requeue=True) from error

    def _unmet(
        self, task: Task, run: RunRecord, context: dict[str, Any], guarded: GuardedAttempt
    ) -> Outcome | None:
        """Ask a run's condition, unless it was met before; return how the run ends if it is not met."""
        ledger, path = self.ending.ledger, str((run.condition or {}).get("handler"))
        if run.fence != 1 and _persist(task, partial(ledger.is_marked, run, condition.MET)):
            return None
        found = task.app.tasks.get(path)
        if getattr(found, "is_gone", True):
            return condition.missing(path)
        within = min(condition.LIMIT_SECONDS, run.timeout_seconds or condition.LIMIT_SECONDS)
        begins = partial(guarded.begins, within=within, overtime=condition.not_in_time(path, within))
        given = {**context, **deepcopy({name: context[name] for name in ("params", "upstream")})}
        outcome = condition.ask(path, found.handler, given, within=within, on_start=begins)
        if isinstance(outcome, Success):
            _persist(task, partial(ledger.mark_once, run, condition.MET))
            return None
        return outcome


def _persist(task: Task, ask: Callable[[], _Answer]) -> _Answer:
    """Ask Redis, however long it is away: the attempt is begun, or its handler has done its work."""
    while True:
        try:
            answer = ask()
        except RedisError as error:
            _pause(task, error)
        else:
            events.redis_is_back()
            return answer


def _give_back(task: Task, error: Exception) -> Reject:
    """Return the exception that makes Celery put the message back on its queue."""
    _pause(task, error)
    return Reject(f"given back: {error}", requeue=True)


def _pause(task: Task, error: Exception) -> None:
    """Wait a moment for Redis; raise the error in a program that runs the handler in its own process.

    An error that will last is raised, too: it holds no slot, and the sweep delivers the attempt again, less
    and less often, until the key is repaired.
    """
    if task.request.is_eager or is_lasting(error):
        raise error
    events.waiting_for_redis(error)
    time.sleep(PAUSE_FOR_REDIS_SECONDS)


def _obey(task: Task, outcome: Outcome, ending: Ending) -> dict[str, Any]:
    if isinstance(outcome, Success):
        # Celery writes it into its log and its events; the ledger has the whole output.
        return {"status": "success", "output": clean_value(outcome.output, SHOWN_OUTPUT), "error": None}
    if isinstance(outcome, Skipped):
        return {"status": "skipped", "output": None, "error": None}
    error = HandlerFailedError(outcome.error, outcome.traceback)
    if ending.retry_in is None:
        raise error
    raise _retry(task, error, ending.retry_in)


def _retry(task: Task, error: HandlerFailedError, delay: timedelta) -> Retry:
    """Send another attempt, and return the exception that reports it to Celery."""
    if task.request.is_eager:
        # Celery would run the next attempt at once, inside this one; the in-process runner waits for it.
        return Retry(str(error), exc=error, when=delay.total_seconds())
    # The ledger has decided that another attempt follows; Celery's limit must not overrule it. A run that
    # has started no longer expires.
    return task.retry(
        exc=error,
        countdown=delay.total_seconds(),
        max_retries=task.request.retries + 1,
        expires=None,
        throw=False,
    )
