"""Ad-hoc runs: a task, or a bare handler, runs once outside any schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import RedisError

from mission_control.dispatch.repeated_requests import is_of_other, run_of_key, window_problem
from mission_control.dispatch.run_ending import RunEnding
from mission_control.dispatch.run_handle import Run
from mission_control.dispatch.run_options import NO_OPTIONS, EnqueueResult, RunOptions, taken_apart
from mission_control.dispatch.run_preparation import CheckedRequest, PreparedRun, RunPreparation
from mission_control.errors import (
    InvalidTaskError,
    MissionControlError,
    StoreUnavailableError,
    UnknownTaskError,
)
from mission_control.installation.installation import Installation
from mission_control.ledger.run_requests import Answer, Delivery, Reply
from mission_control.messaging.message import is_broker_elsewhere, send
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.store.connection import refusal, store_errors

if TYPE_CHECKING:
    from celery import Celery

    from mission_control.messaging.produced_messages import ProducedMessages

__all__ = ["NO_OPTIONS", "Dispatch", "RunOptions"]

# Once more, on a new connection: the pooled one may have been cut since it was last used.
_SEND_AGAIN: Final = {"max_retries": 1, "interval_start": 0.1}
_AT_ONCE: Final = 250
_TRIES: Final = 20

Outcome = Run | MissionControlError
_Checked = CheckedRequest | InvalidTaskError | UnknownTaskError


@dataclass(frozen=True)
class Dispatch:
    """Enters runs outside any schedule and sends them."""

    ending: RunEnding
    preparation: RunPreparation
    app: Celery
    redis_url: str

    @classmethod
    def of(cls, installation: Installation) -> Dispatch:
        """Return the one of an installation."""
        with store_errors(installation.redis_url):
            return cls(
                ending=RunEnding.of(installation),
                preparation=RunPreparation(
                    installation.registry,
                    installation.settings.queues[0],
                    installation.clock,
                    partial(
                        _delivery, installation.celery, installation.redis_url, lambda: installation.messages
                    ),
                ),
                app=installation.celery,
                redis_url=installation.redis_url,
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
            prepared = self.preparation.prepared(task_id_or_handler, options, looks_up=False)
            (outcome,) = self._enter([self.preparation.checked(prepared, params, idempotency_key)])
        if isinstance(outcome, MissionControlError):
            raise outcome
        return outcome

    def enqueue_many(self, requests: Iterable[object]) -> list[EnqueueResult]:
        """Send many runs; see `mission_control.enqueue_many`."""
        results: list[EnqueueResult] = []
        left, taken = iter(requests), 0
        entered: Callable[[], list[EnqueueResult]] = list
        # Where messages are sent one by one, the first that fails should be the last that is tried.
        at_once = 1 if is_broker_elsewhere(self.app, self.redis_url) else _AT_ONCE
        try:
            while True:
                try:  # while Redis enters the portion before
                    portion = list(islice(left, at_once))
                    taken += len(portion)
                    checked = self._checked_portion(portion)
                finally:
                    results += entered()
                if not portion:
                    return results
                entered = self._enter_portion(checked)
        except StoreUnavailableError as error:
            if not results:
                raise
            taken += sum(1 for _ in left)
            return results + [EnqueueResult.of(error)] * (taken - len(results))

    def catch_up(self, task_id: str, scheduled_time: datetime, *, key: str) -> bool:
        """Send a run in the place of an occurrence that did not run; False if `key` was used before.

        It is a manual run with that `scheduled_time`.

        Raises:
            UnknownTaskError: no task has that id.
        """
        with store_errors(self.redis_url):
            prepared = self.preparation.of_occurrence(task_id, scheduled_time)
            (outcome,) = self._enter([self.preparation.checked(prepared, None, key)])
        if isinstance(outcome, MissionControlError):
            raise outcome
        return outcome.created

    def prepare(
        self,
        task_id_or_handler: str,
        params: Mapping[str, Any] | None = None,
        options: RunOptions = NO_OPTIONS,
    ) -> RunRecord:
        """Return the run that `enqueue` would send, without entering or sending it."""
        prepared = self.preparation.prepared(task_id_or_handler, options)
        return self.preparation.checked(prepared, params).run

    def _checked_portion(self, portion: Sequence[object]) -> list[_Checked]:
        known: dict[Any, PreparedRun] = {}
        with store_errors(self.redis_url):
            return [self._checked(request, known) for request in portion]

    def _enter_portion(self, checked: Sequence[_Checked]) -> Callable[[], list[EnqueueResult]]:
        """Send what can be entered, and return what waits for the results of all."""
        good = [one.request for one in checked if isinstance(one, CheckedRequest)]
        with store_errors(self.redis_url):
            replies = self.ending.ledger.begin_to_enter(good) if good else list

        def results() -> list[EnqueueResult]:
            with store_errors(self.redis_url):
                return [EnqueueResult.of(one) for one in self._outcomes(checked, replies())]

        return results

    def _checked(self, request: object, known: dict[Any, PreparedRun]) -> _Checked:
        try:
            name, params, key, options = taken_apart(request)
            prepared = known.get(name) if options is NO_OPTIONS and isinstance(name, str) else None
            if prepared is None:
                prepared = self.preparation.prepared(name, options, looks_up=False)
                if options is NO_OPTIONS:
                    known[name] = prepared
            return self.preparation.checked(prepared, params, key)
        except (InvalidTaskError, UnknownTaskError) as error:
            return error

    def _enter(self, requests: Sequence[CheckedRequest]) -> list[Outcome]:
        return self._outcomes(requests, self.ending.ledger.enter([one.request for one in requests]))

    def _outcomes(self, checked: Sequence[_Checked], replies: Iterable[Reply]) -> list[Outcome]:
        left = iter(replies)
        return [self._outcome(one, next(left)) if isinstance(one, CheckedRequest) else one for one in checked]

    def _outcome(self, one: CheckedRequest, reply: Reply) -> Outcome:
        try:
            for _ in range(_TRIES):  # other requests may open, move and end the window meanwhile
                again = self._again(one, reply)
                if again is None:
                    break
                one = again
                (reply,) = self.ending.ledger.enter([one.request])
            return self._answered(one, reply)
        except (InvalidTaskError, UnknownTaskError) as error:
            return error

    def _answered(self, one: CheckedRequest, reply: Reply) -> Outcome:
        execution_id, is_new = one.request.execution_id, False
        match reply.answer:
            case Answer.ENTERED:
                is_new = True
                if one.request.delivery is None and not reply.text:  # else the end of that run sends it
                    self._send(one.run, one.request.idempotency_key)
            case Answer.KEY:
                execution_id = run_of_key(one, reply.text)
            case Answer.JOINED:
                execution_id = reply.text
            case Answer.WINDOW | Answer.EXISTS:
                raise window_problem(one, reply.text)
            case Answer.ERROR:
                return refusal(self.redis_url, reply.text)
        return Run(execution_id, self.ending, self.redis_url, created=is_new)

    def _again(self, one: CheckedRequest, reply: Reply) -> CheckedRequest | None:
        """Return the request for the run or the task that a reply names, or a new one; None if it is over."""
        debounce = one.prepared.debounce
        name, options = one.prepared.run.task_id, one.prepared.options
        if reply.answer is Answer.TASK:
            key = one.request.idempotency_key or None
            return self.preparation.checked(self.preparation.prepared(name, options), one.params, key)
        if debounce is None or is_of_other(one, reply.text or one.request.execution_id):
            return None
        if reply.answer is Answer.WINDOW:
            first = datetime.fromtimestamp(float(reply.more), UTC)
            ends = debounce.ends_at(self.preparation.clock(), first)
            prepared = self.preparation.prepared(name, options, window_ends=ends)
            return self.preparation.checked(prepared, one.params, takes_over=reply.text)
        if reply.answer is Answer.EXISTS:
            return self.preparation.checked(self.preparation.prepared(name, options), one.params)
        return None

    def _send(self, run: RunRecord, idempotency_key: str) -> None:
        from kombu.exceptions import OperationalError

        eta = run.scheduled_time if run.scheduled_time > run.dispatched_at else None
        try:
            send(self.app, run, eta=eta, retry_policy=_SEND_AGAIN)
        except (OperationalError, RedisError) as error:
            # Cancelled, it neither counts as active nor answers for its key.
            self.ending.close(run, RunState.CANCELLED, f"its message could not be sent: {error}")
            if idempotency_key:
                self.ending.ledger.forget_key(idempotency_key)
            raise StoreUnavailableError(
                f"run {run.execution_id} was not sent and is cancelled: {error}; try again"
            ) from error


def _delivery(
    app: Celery, redis_url: str, messages: Callable[[], ProducedMessages], run: RunRecord
) -> Callable[[str], Delivery] | None:
    if is_broker_elsewhere(app, redis_url):
        return None
    message = messages().maker(run, run.dispatched_at)
    return lambda execution_id: Delivery(*message(execution_id))
