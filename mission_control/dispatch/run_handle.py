"""A producer's handle on a run that it enqueued."""

import math
import time
from typing import Any, Final

from mission_control.errors import RunTimeoutError, UnknownRunError
from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.store.connection import store_errors

_POLL_SECONDS: Final = 0.05
_LONGEST_POLL_SECONDS: Final = 1.0


class Run:
    """A handle on one run; every look asks the ledger.

    `created` is False if an earlier request has entered the run, with the same `idempotency_key` or
    `debounce`.
    """

    def __init__(self, execution_id: str, ledger: Ledger, redis_url: str, *, created: bool = True) -> None:
        self.execution_id = execution_id
        self.created = created
        self._ledger = ledger
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
            return self._ledger.get(self.execution_id)

    @property
    def state(self) -> str | None:
        """Where the run stands: `dispatched`, `running`, `retrying`, `interrupted`, or how it ended."""
        record = self.record
        return None if record is None else str(record.state)

    @property
    def result(self) -> dict[str, Any] | None:
        """The handler's result, `{"status", "output", "error"}`; None while the run is not over."""
        record = self.record
        return None if record is None or not record.state.is_final else result_of(record)

    def wait(self, timeout: float | None = None) -> dict[str, Any]:
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
            record = self.record
            if record is None:
                raise UnknownRunError(
                    f"the ledger has no run {self.execution_id}; the audit stream has older runs"
                )
            if record.state.is_final:
                return result_of(record)
            left = give_up_at - time.monotonic()
            if left <= 0:
                raise RunTimeoutError(
                    f"run {self.execution_id} is {record.state} after {timeout:g} s; it goes on, and "
                    "`mission-control status` shows what it waits for"
                )
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)


def result_of(record: RunRecord) -> dict[str, Any]:
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
