"""Keeping beat and worker up: what dies is restarted, for `up` and for `TaskScheduler` alike."""

import signal
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from typing import Final, TypedDict

from mission_control.errors import FleetError
from mission_control.processes.commands import WEB
from mission_control.processes.fleet import Fleet
from mission_control.processes.service_process import ServiceProcess

_ROUND_SECONDS: Final = 0.1
_MOST_RESTARTS: Final = 5
_WITHIN: Final = timedelta(minutes=1)
_FIRST_DELAY: Final = timedelta(milliseconds=500)
_LONGEST_DELAY: Final = timedelta(seconds=10)


class ServiceStatus(TypedDict):
    """How a service is: how often it was started again, and how it ended the last time."""

    running: bool
    pid: int
    restarts: int
    last_end: str | None


class Keeper:
    """Restarts each part of a started fleet that ends; `tell` gets a sentence about each end.

    It waits before that by `pause`, which may raise, or until `end`.
    """

    def __init__(
        self,
        fleet: Fleet,
        clock: Callable[[], datetime],
        tell: Callable[[str], None],
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.fleet = fleet
        self._clock = clock
        self._tell = tell
        self._ends: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
        self._is_over = Event()
        self._pause = self._is_over.wait if pause is None else pause
        self._restarting = Lock()
        self._thread: Thread | None = None

    def look_once(self) -> None:
        """Restart a service that has ended, after a delay that grows if it ends again and again.

        Raises:
            FleetError: it has ended too often; it is down now.
        """
        dead = self.fleet.dead_service()
        if dead is None:
            return
        how = _how(dead.exit_code)
        ends = self._ends[dead.name]
        ends.append((self._clock(), how))
        delay = restart_delay([at for at, _ in ends])
        ended = f"{dead.name} ended by itself with {how}"
        if delay is None and dead.name == WEB:
            self._tell(f"{ended}, again and again; the page stays down, and the rest goes on")
            self.fleet.services.remove(dead)
            return
        if delay is None:
            raise FleetError(f"{ended}, after {_MOST_RESTARTS} restarts within a minute; see its log above")
        self._tell(f"{ended}; restarting it in {delay.total_seconds():g} s")
        self._restart(dead, delay)

    def keep(self) -> None:
        """Look again and again in a thread, until `end`; what ends too often is restarted all the same."""
        self._thread = Thread(target=self._keep, name="keeper of beat and worker", daemon=True)
        self._thread.start()

    def restore(self) -> None:
        """Restart at once what is down, and return when all do their work.

        Raises:
            FleetError: one of them did not start.
        """
        with self._restarting:
            while (dead := self.fleet.dead_service()) is not None:
                self._ends[dead.name].append((self._clock(), _how(dead.exit_code)))
                self.fleet.restart(dead)
        self.fleet.wait_until_ready()

    def end(self) -> None:
        """Stop looking."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()

    def status(self) -> dict[str, ServiceStatus]:
        """Return for each service whether it runs, its process, how often and how it has ended."""
        return {
            one.name: {
                "running": one.exit_code is None,
                "pid": one.pid,
                "restarts": len(self._ends[one.name]),
                "last_end": self._ends[one.name][-1][1] if self._ends[one.name] else None,
            }
            for one in self.fleet.services
        }

    def _keep(self) -> None:
        while not self._is_over.wait(_ROUND_SECONDS):
            dead = self.fleet.dead_service()
            try:
                self.look_once()
            except FleetError as error:
                self._tell(f"{error}; trying again in {_LONGEST_DELAY.total_seconds():g} s")
                if dead is not None:
                    self._restart(dead, _LONGEST_DELAY)

    def _restart(self, dead: ServiceProcess, delay: timedelta) -> None:
        self._pause(delay.total_seconds())
        if not self._is_over.is_set():
            with self._restarting:
                if dead in self.fleet.services:  # `restore` may have been quicker
                    self.fleet.restart(dead)


def restart_delay(ends: Sequence[datetime]) -> timedelta | None:
    """Return after which delay a service is restarted that ended at each of `ends`, most recently now.

    Each end within a minute doubles the delay. After more than five of them it stays down: None.

    >>> from datetime import UTC, datetime
    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> restart_delay([noon]).total_seconds(), restart_delay([noon] * 6)
    (0.5, None)
    """
    recent = [end for end in ends if ends[-1] - end < _WITHIN]
    if len(recent) > _MOST_RESTARTS:
        return None
    return min(_FIRST_DELAY * (1 << (len(recent) - 1)), _LONGEST_DELAY)


def _how(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"signal {signal.Signals(-exit_code).name}"
    except ValueError:  # this platform has no name for it
        return f"signal {-exit_code}"
