"""A producer's handle on a run that it enqueued."""

import math
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

from mission_control.dispatch.run_ending import RunEnding
from mission_control.errors import RunTimeoutError, UnknownRunError
from mission_control.model.runs.handler_contract import RunResult
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.store.connection import store_errors

if TYPE_CHECKING:
    from mission_control.dispatch.run_control import CancelReply

_POLL_SECONDS: Final = 0.05
_LONGEST_POLL_SECONDS: Final = 1.0


class Run:
    """A handle on one run; every look asks the ledger.

    `created` is False if an earlier request has entered the run, with the same `idempotency_key` or
    `debounce`. In an async program, `await run` waits for the result without blocking its event loop.
    """

    def __init__(self, execution_id: str, ending: RunEnding, redis_url: str, *, created: bool = True) -> None:
        self.execution_id = execution_id
        self.created = created
        self._ending = ending
        self._redis_url = redis_url

    def __repr__(self) -> str:
        return f"Run({self.execution_id!r})"

    @property
    def record(self) -> RunRecord | None:
        """The run as the ledger has it; None once its retention is over.

        Raises:
            StoreUnavailableError: Redis cannot be reached.
        """
        with store_errors(self._redis_url):
            return self._ending.ledger.get(self.execution_id)

    @property
    def state(self) -> str | None:
        """Where the run stands: `dispatched`, `running`, `retrying`, `interrupted`, or how it ended."""
        record = self.record
        return None if record is None else str(record.state)

    @property
    def result(self) -> RunResult | None:
        """The handler's result, `{"status", "output", "error"}`; None while the run is not over."""
        record = self.record
        return None if record is None or not record.state.is_final else result_of(record)

    def wait(self, timeout: float | None = None) -> RunResult:
        """Wait until the run is over and return its result.

        `timeout` is in seconds, None waits without limit. Does not raise for a failed run: look at
        `status`.

        Raises:
            RunTimeoutError: it was not over in time; it goes on.
            UnknownRunError: the ledger has no such run, or no longer.
            StoreUnavailableError: Redis cannot be reached.
        """
        give_up_at = math.inf if timeout is None else time.monotonic() + timeout
        pause = _POLL_SECONDS
        while True:
            record = self._known_record()
            if record.state.is_final:
                return result_of(record)
            left = give_up_at - time.monotonic()
            if left <= 0:
                raise RunTimeoutError(
                    f"run {self.execution_id} is {record.state} after {timeout:g} s; it goes on, and "
                    "`mission-control status` shows what it waits for"
                )
            time.sleep(min(pause, left))
            pause = _longer(pause)

    def __await__(self) -> Generator[Any, None, RunResult]:
        """Wait until the run is over and return its result, as `wait` does, in an async program.

        Other tasks go on meanwhile. For a limit use `asyncio.timeout`; the run goes on, whether the limit is
        over or the waiting task is cancelled.

        Raises:
            UnknownRunError: the ledger has no such run, or no longer.
            StoreUnavailableError: Redis cannot be reached.
        """
        return self._ended().__await__()

    async def _ended(self) -> RunResult:
        import asyncio

        pause = _POLL_SECONDS
        while not (record := await asyncio.to_thread(self._known_record)).state.is_final:
            await asyncio.sleep(pause)
            pause = _longer(pause)
        return result_of(record)

    def cancel(self, reason: str = "cancelled by its producer") -> "CancelReply":
        """Cancel the run, and return whether it is over (`cancelled`), stops (`asked`) or had `finished`.

        Guarantees: a waiting run is over at once, with its record. A running handler is interrupted within
        seconds, killed if it goes on (in a prefork pool), and no attempt follows. Does not guarantee that a
        running run ends `cancelled`: if its handler finishes first, that outcome is recorded. `reason` is
        kept with the run, without secrets, and bounded.

        Raises:
            UnknownRunError: the ledger has no such run, or no longer.
            StoreUnavailableError: Redis cannot be reached.
        """
        from mission_control.dispatch.run_control import cancel_run

        with store_errors(self._redis_url):
            return cancel_run(self._ending, self.execution_id, reason=reason)

    def _known_record(self) -> RunRecord:
        record = self.record
        if record is None:
            raise UnknownRunError(
                f"the ledger has no run {self.execution_id}; the audit stream has older runs"
            )
        return record


def _longer(pause: float) -> float:
    return min(pause * 1.5, _LONGEST_POLL_SECONDS)


def result_of(record: RunRecord) -> RunResult:
    """Return a finished run's result in the shape of the handler contract.

    A run that ended without a failure of its handler (cancelled, expired, …) has `status` "failure" too, and
    says so in `error`.
    """
    if record.state is RunState.SUCCESS:
        return {"status": "success", "output": record.output, "error": None}
    error = record.error
    if error is None:
        error = str(record.state) if record.reason is None else f"{record.state}: {record.reason}"
    return {"status": "failure", "output": record.output, "error": error}
