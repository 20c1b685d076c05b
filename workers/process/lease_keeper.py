"""The lease keeper: the parent of a prefork pool renews the leases of children that cannot do so themselves.

A handler that holds Python's lock (a long call into C) stops the attempt guard of its process. The parent
sees that the process runs, and renews the lease of its run; not that of a stopped or dead process.
"""

import threading
from collections.abc import Iterable
from typing import Any, Final

import psutil
from celery import bootsteps
from celery.worker import state
from redis.exceptions import RedisError

from mission_control.events import events
from mission_control.ledger.ledger import Ledger

_RENEWALS_PER_LEASE: Final = 4
_SILENT: Final = frozenset({psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP, psutil.STATUS_ZOMBIE})


class LeaseKeeperStep(bootsteps.StartStopStep):
    """A thread of the worker's parent process that renews the leases of its children's attempts.

    It goes on while the consumer waits for a lost broker.
    """

    ledger: Ledger

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Celery's worker
        super().__init__(parent, **kwargs)
        self._is_over = threading.Event()

    def start(self, parent: Any) -> None:  # noqa: ANN401
        """Begin to renew."""
        threading.Thread(
            target=self._run, args=(str(parent.hostname),), name="lease keeper", daemon=True
        ).start()

    def stop(self, parent: Any) -> None:  # noqa: ANN401, ARG002
        """Stop renewing."""
        self._is_over.set()

    def _run(self, worker: str) -> None:
        while not self._is_over.wait(self.ledger.lease.total_seconds() / _RENEWALS_PER_LEASE):
            try:
                self._renew(worker)
            except RedisError as error:
                events.waiting_for_redis(error)
            except Exception as error:  # noqa: BLE001  # without this thread leases run out
                events.service_failed("lease keeper", error)

    def _renew(self, worker: str) -> None:
        vouched = _vouched_for(tuple(state.active_requests))
        if vouched:
            self.ledger.renew([(execution_id, None) for execution_id in vouched], worker=worker)
            events.redis_is_back()


def _vouched_for(requests: Iterable[Any]) -> list[str]:
    """Return the runs whose handlers have a process of their own, which runs."""
    return [one.id for one in requests if one.worker_pid is not None and _runs(one.worker_pid)]


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() not in _SILENT
    except psutil.Error:
        return False
