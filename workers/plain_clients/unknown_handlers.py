"""Messages for handlers that this worker does not have; another live worker may have them."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from celery import Celery
from redis import Redis

from mission_control.dispatch.run_ending import RunEnding
from mission_control.dispatch.waiting_runs import note_waiting
from mission_control.events import events
from mission_control.messaging.message import send
from mission_control.messaging.transport.parking import PARKED_HEADER
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import WAITING_STATES, RunState
from mission_control.model.values.handler_paths import handler_path_problem
from mission_control.processes.heartbeats import live_processes
from workers.plain_clients.plain_runs import PlainMessage, PlainRuns

# Not always the same: idle workers wait for messages in turns of a second, and each time the same one would
# be first in line.
_PASSED_ON_AFTER_SECONDS: Final = (1.0, 4.0)
_WAITED: Final = "mission_control_waited"
_LONGEST_WAIT_SECONDS: Final = 60.0
_WAITS_IN_A_MINUTE: Final = 5
_SOON_SECONDS: Final = 0.1
_ASKED_AGAIN_AFTER_SECONDS: Final = 1.0


@dataclass
class UnknownHandlers:
    """Passes on what another live worker can run; what none can run waits until one can.

    A message that is passed on waits in Redis for a moment, so that workers of which only some have a
    handler do not hand it round in circles. One that waits is looked at again less and less often, and at
    once when a worker comes that has its handler. A run that a worker holds is left alone.
    """

    app: Celery
    client: Redis
    ending: RunEnding
    plain_runs: PlainRuns
    _elsewhere: frozenset[tuple[str, str]] = field(default=frozenset())
    _asked_at: float = field(default=float("-inf"))

    def see_to(self, handler: str, execution_id: str, message: Any, worker: str) -> None:  # noqa: ANN401  # kombu's
        """Pass such a message on, or let its run wait, until it expires.

        Raises:
            RedisError: Redis cannot be reached; the sweep finds the run.
        """
        run = self.ending.ledger.get(execution_id)
        if run is None:
            run = self._admitted(handler, execution_id, message)
        if run is None:
            return
        reason = f"no handler {handler!r} on this worker; see `mission-control handler list`"
        if run.state not in WAITING_STATES:  # over, or held by a worker that has the handler
            events.delivery_dropped(execution_id, run.attempt, reason)
        elif self._is_known_elsewhere(handler, run.queue, worker):
            events.message_passed_on(execution_id, handler)
            self._park(run, random.uniform(*_PASSED_ON_AFTER_SECONDS), waits=0)  # noqa: S311  # no secret
        elif _is_expired(run, self.ending.clock()):
            self.ending.close(run, RunState.EXPIRED, f"not started within expires_seconds: {reason}")
        else:
            self._wait(run, _waits(message.headers))

    def _admitted(self, handler: str, execution_id: str, message: Any) -> RunRecord | None:  # noqa: ANN401
        """Enter a plain client's run and return it; None if that was refused, which is recorded."""
        problem = handler_path_problem(handler)
        if problem is not None:  # no worker will ever have it
            events.message_refused(execution_id, problem)
            self.ending.reject(handler=handler, execution_id=execution_id, reason=problem)
            return None
        return self.plain_runs.admitted(PlainMessage.of_unknown(self.app, message))

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

    def _wait(self, run: RunRecord, waits: int) -> None:
        note_waiting(self.client, run, self.ending.clock())
        if waits == 0:
            events.run_waits_for_handler(run.execution_id, run.handler)
        elif waits == _WAITS_IN_A_MINUTE:
            events.run_still_waits(run.execution_id, run.handler)
        self._park(run, min(2.0 * 2**waits, _LONGEST_WAIT_SECONDS), waits=waits + 1)

    def _park(self, run: RunRecord, seconds: float, *, waits: int) -> None:
        if run.attempt == 0 and run.expires_at is not None:
            left = (run.expires_at - self.ending.clock()).total_seconds()
            seconds = min(seconds, max(left, _SOON_SECONDS))
        send(self.app, run, headers={_WAITED: waits, PARKED_HEADER: True}, countdown=seconds)


def _is_expired(run: RunRecord, now: datetime) -> bool:
    return run.attempt == 0 and run.expires_at is not None and run.expires_at <= now


def _waits(headers: Mapping[str, Any]) -> int:
    """Return how often a message has waited for its handler."""
    waits = headers.get(_WAITED)
    return min(waits, _WAITS_IN_A_MINUTE + 1) if isinstance(waits, int) else 0
