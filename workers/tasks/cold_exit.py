"""The cold exit of a worker: its handlers are stopped, and other workers begin their runs again.

Celery's cold shutdown asks a handler's process to end, and waits for it for hours. In a pool whose handlers
have no process of their own (threads and solo) it cannot do even that.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import psutil
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from mission_control.dispatch.run_ending import RunEnding
from mission_control.events import events
from mission_control.messaging.transport.held_messages import give_back_held_messages
from mission_control.model.runs.run_record import RunRecord
from workers.attempt.attempt_guard import AttemptGuard
from workers.call.child_processes import kill_with_children

GRACE_SECONDS: Final = 2.0
"""How long an interrupted handler may clean up before it is stopped anyway."""

_LOOK_EVERY_SECONDS: Final = 0.05


class ColdExit:
    """Sees to it that the handlers of a process that stops are over, and that their runs are recorded so."""

    def __init__(self, ending: RunEnding, guard: AttemptGuard) -> None:
        self._ending = ending
        self._guard = guard
        self._has_begun = False

    def cut_off(self, execution_id: str, pid: int, has_begun: Callable[[RunRecord], bool]) -> None:
        """Interrupt the run whose handler has the process `pid`, as soon as that has ended.

        `has_begun` says whether a run's current attempt is that process's. May be called from a signal
        handler. This process does not end before that is done.
        """
        threading.Thread(target=self._cut_off, args=(execution_id, pid, has_begun), name="cut off").start()

    def begin(self) -> None:
        """Begin to end this process, whose handlers were interrupted; repeated calls change nothing.

        May be called from a signal handler.
        """
        if not self._has_begun:
            self._has_begun = True
            threading.Thread(target=self._run, name="cold exit", daemon=True).start()

    def _cut_off(self, execution_id: str, pid: int, has_begun: Callable[[RunRecord], bool]) -> None:
        with suppress(ProcessLookupError):
            _wait_while(lambda: _lives(pid))
            os.kill(pid, signal.SIGSTOP)  # it must not go on next to its successor
        with suppress(RedisError):
            run = self._ending.ledger.get(execution_id)
            if run is not None and has_begun(run):
                self._ending.interrupt(run)
        kill_with_children(pid)

    def _run(self) -> None:
        _wait_while(lambda: self._guard.runs_any)
        if not self._guard.runs_any:
            return  # Celery ends the process
        events.handlers_abandoned()
        with suppress(RedisError):
            self._guard.interrupt_all()
        with suppress(RedisError, OperationalError):
            give_back_held_messages()
        os._exit(0)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _wait_while(goes_on: Callable[[], bool]) -> None:
    until = time.monotonic() + GRACE_SECONDS
    while goes_on() and time.monotonic() < until:
        time.sleep(_LOOK_EVERY_SECONDS)
