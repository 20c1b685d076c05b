"""The parent's part in keeping leases: it vouches for children that cannot vouch for themselves.

A handler that keeps Python's lock to itself (a long call into C) silences its own process's watch. The
parent of a prefork pool sees that the process runs, and renews the lease of what it runs. It does not vouch
for a process that is stopped or dead.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import psutil
from celery import bootsteps
from celery.worker import state
from redis.exceptions import RedisError

from mission_control.events import events

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mission_control.ledger.ledger import Ledger

_RENEWALS_PER_LEASE: Final = 4
_SILENT: Final = frozenset({psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP, psutil.STATUS_ZOMBIE})


class LeaseKeeperStep(bootsteps.StartStopStep):
    """A thread of the worker's parent process that renews the leases of its children's attempts.

    It goes on while the consumer waits for a broker that was lost.
    """

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Celery's worker
        super().__init__(parent, **kwargs)
        self._is_over = threading.Event()

    def start(self, parent: Any) -> None:  # noqa: ANN401
        """Begin to renew."""
        ledger = parent.app.installation().ledger
        arguments = (ledger, str(parent.hostname))
        threading.Thread(target=self._run, args=arguments, name="lease keeper", daemon=True).start()

    def stop(self, parent: Any) -> None:  # noqa: ANN401, ARG002
        """Stop renewing."""
        self._is_over.set()

    def _run(self, ledger: Ledger, worker: str) -> None:
        while not self._is_over.wait(ledger.lease.total_seconds() / _RENEWALS_PER_LEASE):
            try:
                self._renew(ledger, worker)
            except RedisError as error:
                events.waiting_for_redis(error)
            except Exception as error:  # noqa: BLE001  # without this thread leases run out
                events.service_failed("lease keeper", error)

    @staticmethod
    def _renew(ledger: Ledger, worker: str) -> None:
        vouched = _vouched_for(tuple(state.active_requests))
        if vouched:
            ledger.renew([(execution_id, None) for execution_id in vouched], worker=worker)
            events.redis_is_back()


def _vouched_for(requests: Iterable[Any]) -> list[str]:
    """Return the runs whose handlers are in a process of their own that is seen to run."""
    return [one.id for one in requests if one.worker_pid is not None and _runs(one.worker_pid)]


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() not in _SILENT
    except psutil.Error:
        return False
