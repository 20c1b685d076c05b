"""Messages for handlers that this worker does not have; another live worker may have them."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from celery import Celery
from celery.exceptions import Reject
from redis import Redis

from mission_control.dispatch.run_ending import RunEnding
from mission_control.events import events
from mission_control.messaging.message import send
from mission_control.messaging.transport.parking import PARKED_HEADER
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import WAITING_STATES, RunState
from mission_control.processes.heartbeats import live_processes
from workers.plain_clients.plain_messages import PlainMessage
from workers.plain_clients.plain_runs import PlainRuns

# Not always the same: idle workers wait for messages in turns of a second, and each time the same one would
# be first in line.
_PASSED_ON_AFTER_SECONDS: Final = (1.0, 4.0)
MOST_TIMES_PASSED_ON: Final = 100
_PASSED_ON: Final = "mission_control_passed_on"
_ASKED_AGAIN_AFTER_SECONDS: Final = 1.0


@dataclass
class UnknownHandlers:
    """Passes on what another live worker can run, and ends what none can.

    A message that is passed on waits in Redis for a moment, so that workers of which only some have a
    handler do not hand it round in circles. A run that a worker holds is left alone.
    """

    app: Celery
    client: Redis
    ending: RunEnding
    plain_runs: PlainRuns
    _elsewhere: frozenset[tuple[str, str]] = field(default=frozenset())
    _asked_at: float = field(default=float("-inf"))

    def see_to(self, handler: str, execution_id: str, message: Any, worker: str) -> None:  # noqa: ANN401  # kombu's
        """Pass such a message on, or end its run.

        Raises:
            RedisError: Redis cannot be reached; the sweep finds the run.
        """
        run = self.ending.ledger.get(execution_id)
        reason = f"no handler {handler!r} on this worker; see `mission-control handler list`"
        if run is None:
            run = self._admit(handler, execution_id, message, worker, reason)
        if run is None:
            return
        if run.state not in WAITING_STATES:  # over, or held by a worker that has the handler
            events.delivery_dropped(execution_id, run.attempt, reason)
        elif self._is_known_elsewhere(handler, run.queue, worker) and _times(message.headers) < (
            MOST_TIMES_PASSED_ON
        ):
            self._pass_on(run, message.headers)
        else:
            self.ending.close(run, RunState.LOST, reason)

    def _admit(
        self,
        handler: str,
        execution_id: str,
        message: Any,  # noqa: ANN401
        worker: str,
        reason: str,
    ) -> RunRecord | None:
        """Enter a plain client's run that another worker can run; record the refusal of any other."""
        described = PlainMessage.of_unknown(self.app, message)
        if self._is_known_elsewhere(handler, described.queue, worker):
            try:
                self.plain_runs.admit(described)
            except Reject:
                return None
            return self.ending.ledger.get(execution_id)
        self.ending.reject(handler=handler, execution_id=execution_id, reason=reason)
        return None

    def _is_known_elsewhere(self, handler: str, queue: str, worker: str) -> bool:
        """Whether another live worker has the handler, and takes messages of the queue."""
        now = time.monotonic()
        if now - self._asked_at > _ASKED_AGAIN_AFTER_SECONDS:
            alive = live_processes(self.client)
            others = [one.info for one in alive if one.kind == "worker" and one.name != worker]
            self._elsewhere = frozenset(
                (name, served)
                for info in others
                for name in info.get("handlers", ())
                for served in info.get("queues", ())
            )
            self._asked_at = now
        return (handler, queue) in self._elsewhere

    def _pass_on(self, run: RunRecord, headers: Mapping[str, Any]) -> None:
        options: dict[str, Any] = {
            "retries": run.retries,
            "headers": {_PASSED_ON: _times(headers) + 1, PARKED_HEADER: True},
            "countdown": random.uniform(*_PASSED_ON_AFTER_SECONDS),  # noqa: S311  # no secret
        }
        if run.attempt > 0:  # a started run no longer expires
            options["expires"] = None
        events.message_passed_on(run.execution_id, run.handler)
        send(self.app, run, **options)


def _times(headers: Mapping[str, Any]) -> int:
    """Return how often a message was passed on before."""
    times = headers.get(_PASSED_ON)
    return times if isinstance(times, int) else 0
