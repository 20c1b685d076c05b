"""What an operator does with one run: cancel it, or start it now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

from redis import Redis
from ulid import ULID

from mission_control.audit.record.masking import NAME_LIMIT, clean_text
from mission_control.dispatch.run_ending import RunEnding
from mission_control.errors import InvalidTaskError, Problem, UnknownRunError
from mission_control.installation.installation import Installation
from mission_control.ledger.ledger import Ledger
from mission_control.messaging.message import send
from mission_control.messaging.transport.parking import unpark
from mission_control.model.policies.pause import PauseLayer
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.new_run import repeated_run
from mission_control.model.runs.run_record import RunRecord, Trigger
from mission_control.model.runs.run_state import WAITING_STATES, RunState
from mission_control.model.values.identifiers import begun_with, is_cut, plain_execution_id
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from celery import Celery

_TRIES: Final = 10
_NAMED: Final = 5
Ending = Literal["skipped", "cancelled", "stopped", "running"]
_BY_HAND: Final = Trigger.MANUAL, Trigger.PLAIN, Trigger.BACKFILL


class CancelReply(StrEnum):
    """The answer to a request to cancel a run."""

    CANCELLED = "cancelled"  # it waited, and is over now
    ASKED = "asked"  # its handler is being stopped, and the run ends cancelled
    FINISHED = "finished"  # it had ended before


@dataclass(frozen=True)
class RunControl:
    """Cancels runs, and starts them now."""

    ending: RunEnding
    client: Redis
    app: Celery

    @classmethod
    def of(cls, installation: Installation) -> RunControl:
        """Return the one of an installation."""
        return cls(RunEnding.of(installation), installation.client, installation.celery)

    @property
    def ledger(self) -> Ledger:
        """The ledger that has the runs."""
        return self.ending.ledger

    def cancel(self, execution_id: str, *, reason: str) -> CancelReply:
        """Cancel a run; see `cancel_run`."""
        return cancel_run(self.ending, execution_id, reason=reason)

    def revoke(self, execution_ids: Sequence[str], *, reason: str = "revoked") -> None:
        """Let runs not begin another attempt, now or later, whether the ledger has them yet or not.

        Guarantees: a waiting run is over at once, with its record; any other ends `cancelled` instead of
        beginning an attempt. A running attempt goes on.
        """
        self.ledger.revoke(execution_ids, reason)
        for execution_id in execution_ids:
            run = self.ledger.get(execution_id)
            if run is not None and run.state in WAITING_STATES:
                self.ending.close(run, RunState.CANCELLED, reason)

    def run_now(self, execution_id: str) -> str:
        """Start a run now, and return the id of the run that starts.

        A run that waits for its time or for its next attempt is sent at once. A finished run is repeated as
        a new run with the same handler and params, outside any schedule. A running one is left alone. If
        the message cannot be sent, the run waits on as before. The new run waits while another run of its
        task is active; a run that waits for that starts all the same.

        Raises:
            UnknownRunError: the ledger has no such run.
            InvalidTaskError: the finished run is not signed, where runs are.
            OperationalError: the broker cannot be reached.
        """
        run = existing_run(self.ledger, execution_id)
        if run.state is RunState.RUNNING:
            return run.execution_id
        if run.state.is_final:
            self._check_signed(run.execution_id)
            run = repeated_run(run, ulid=str(ULID()), now=self.ending.clock())
            entered = self.ledger.dispatch(run)
            if entered is not None and entered.waits_for is not None:
                return run.execution_id
        elif run.waits_for is not None:
            self.ledger.start_overlapping(run, at=self.ending.clock())
        self.ledger.make_due(run.execution_id)
        released_at = self.client.zscore(redis_keys.PARKED, run.execution_id)
        send(self.app, run)
        if released_at is not None:  # only now: two messages are harmless, none would wait for the sweep
            unpark(self.client, run.execution_id, released_at=float(released_at))
        return run.execution_id

    def _check_signed(self, execution_id: str) -> None:
        problem = self.ledger.signature_problem(execution_id)
        if problem is not None:
            what = f"{problem}; look at it, and enqueue its task or handler again instead"
            raise InvalidTaskError([Problem("", what)], subject=f"run {execution_id[:200]}")


def cancel_run(ending: RunEnding, execution_id: str, *, reason: str) -> CancelReply:
    """Cancel a run.

    Guarantees: a waiting run is over at once, with its record, and its message has no effect, whatever
    restarts meanwhile. A running handler is interrupted within seconds, killed if it goes on (in a
    prefork pool), and no attempt follows. Does not guarantee that a running run ends `cancelled`: if
    its handler finishes first, that outcome is recorded. The reason is kept without secrets, and bounded.

    Raises:
        UnknownRunError: the ledger has no such run.
    """
    reason = clean_text(reason, NAME_LIMIT)
    for _ in range(_TRIES):  # it may begin, or end, between the look and the move
        run = existing_run(ending.ledger, execution_id)
        if run.state.is_final:
            return CancelReply.FINISHED
        if run.state is RunState.RUNNING:
            if ending.ledger.ask_to_cancel(run.execution_id, reason):
                return CancelReply.ASKED
        elif ending.close(run, RunState.CANCELLED, reason) is not None:
            return CancelReply.CANCELLED
    return CancelReply.ASKED


def existing_run(ledger: Ledger, execution_id: str) -> RunRecord:
    """Return a run by its id, by what only its id begins with, or a task's last run by the task's id.

    Both parts of an id may be cut, as `reports-ni…@20260301T09…`. The run of a plain Celery client's message
    is found by its Celery id, too.

    Raises:
        UnknownRunError: the ledger has, or retains, none with that id; or several begin with it.
    """
    run = ledger.get(execution_id) or ledger.get(plain_execution_id(execution_id))
    run = _begun_with(ledger, execution_id) if run is None else run
    if run is None:
        raise UnknownRunError(
            f"the ledger has no run {execution_id[:200]!r}; see `mission-control run list`, or the audit"
            " stream for older runs"
        )
    return run


def _begun_with(ledger: Ledger, text: str) -> RunRecord | None:
    task_id, separator, _ = text.partition("@")
    if not separator and (last := ledger.runs_of(task_id, limit=1)):
        return last[0]
    ids = begun_with(text, ledger.ids_begun_with(text))
    tasks = {one.partition("@")[0] for one in ids}
    if not separator and is_cut(text) and len(tasks) == 1:
        return next(iter(ledger.runs_of(tasks.pop(), limit=1)), None)
    if len(ids) > 1:
        named = ", ".join(ids[:_NAMED]) + (", …" if len(ids) > _NAMED else "")
        raise UnknownRunError(f"{len(ids)} runs begin with {text[:200]!r}: {named}; write more of the id")
    return ledger.get(ids[0]) if ids else None


def concerns(run: RunRecord, *, stop_running: bool) -> bool:
    """Return whether a pause takes a run back: one that was requested only with `stop_running`."""
    return stop_running or run.trigger not in _BY_HAND


def take_back(
    control: RunControl, found: Sequence[tuple[RunRecord, PauseLayer]], *, stop_running: bool
) -> Counter[Ending]:
    """Take back runs, each with the layer that pauses it, and return how many ended in which way.

    An occurrence that waits to start is skipped, with the pause as its cause. A run that waits for its next
    attempt is cancelled. One that runs goes on, but no attempt follows; with `stop_running` it is stopped.
    From the first moment on no attempt of any of them begins.
    """
    for layer in {layer for _, layer in found}:
        ids = [run.execution_id for run, its_layer in found if its_layer == layer]
        control.ledger.revoke(ids, layer.words())
    return Counter(_end(control, run, layer, stop_running=stop_running) for run, layer in found)


def _end(control: RunControl, run: RunRecord, layer: PauseLayer, *, stop_running: bool) -> Ending:
    if run.state is RunState.DISPATCHED and run.trigger not in _BY_HAND:
        cause = Cause("paused", layer=layer.name).to_dict()
        if control.ending.close(run, RunState.SKIPPED, layer.words(), cause=cause) is not None:
            return "skipped"
    elif run.state is not RunState.RUNNING:
        control.cancel(run.execution_id, reason=layer.words())
        return "cancelled"
    if stop_running:
        control.cancel(run.execution_id, reason=layer.words())
        return "stopped"
    return "running"
