"""Beat and a worker together, and the server of the page: started, waited for, stopped."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import IO, Any, Final

from redis import Redis, RedisError

from mission_control.configuration.settings import Settings
from mission_control.errors import FleetError
from mission_control.processes.commands import WEB, beat_command, web_command, worker_command
from mission_control.processes.heartbeats import beat_name, end_lead_of_dead_beat, live_processes
from mission_control.processes.service_process import ServiceCommand, ServiceProcess
from mission_control.processes.up_lock import UpLock
from mission_control.safe_paths.own_files import end_of, open_log

START_WITHIN: Final = timedelta(seconds=60)
STOP_WITHIN: Final = timedelta(seconds=8)
"""How long the ends may take, once handlers may no longer finish."""

# A worker that keeps to its settings ends its handlers' time by itself.
_LATER_THAN_THE_WORKER: Final = 4.0

_POLL_SECONDS: Final = 0.05
_READY: Final = {"beat": "beat watches the schedule", "worker": "the worker takes messages"}
_LAST_LINES_BYTES: Final = 4_000


class Fleet:
    """One beat and one worker on this machine, as children of this process.

    They read `settings` from their environment and find their Redis there, which `client` talks to as well.
    If this process is killed they notice and stop. With `reloads` the worker loads changed handlers again.
    They inherit the `lock`; `tell` gets a sentence when one of them is ready. If there is a socket for the
    `page`, a third child serves it there, for which nothing waits.
    """

    def __init__(
        self,
        client: Redis,
        settings: Settings,
        *,
        concurrency: int | None = None,
        reloads: bool = False,
        open_output: Callable[[str], IO[bytes]] | None = None,
        lock: UpLock | None = None,
        page: socket.socket | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._concurrency = concurrency
        self._reloads = reloads
        self._open_output = self._open_log if open_output is None else open_output
        self._lock = lock
        self._page = page
        self._tell = tell
        self.services: list[ServiceProcess] = []
        self.worker_name = ""
        self._is_hurried = False

    def start(self, pause: Callable[[float], object] = time.sleep) -> None:
        """Start both and return when beat ticks and the worker takes messages; `pause` may raise.

        Raises:
            FleetError: one of them ended or did not get ready in time; both are stopped again.
        """
        with ExitStack() as undo:
            undo.callback(self.stop)
            self._start_processes()
            self.wait_until_ready(pause)
            undo.pop_all()

    def stop(self, timeout: float | None = None) -> None:
        """Stop both; running handlers have `timeout` seconds to finish, None for what the settings say.

        What is not finished then is interrupted, recorded so, and goes back to the queue. The ends
        themselves are killed after `STOP_WITHIN`. If the wait is interrupted, for example by Ctrl-C, the
        rest of `timeout` is skipped.
        """
        grace = self._settings.stop_grace_seconds
        seconds = timeout if timeout is not None else grace and grace + _LATER_THAN_THE_WORKER
        try:
            if seconds > 0:
                self._ask_to_stop()
                self._wait(seconds)
        finally:
            self._ask_to_stop(at_once=True)
            give_up_at = time.monotonic() + STOP_WITHIN.total_seconds()
            for service in self.services:
                service.wait_or_kill(timedelta(seconds=max(0.0, give_up_at - time.monotonic())))
            self.services = []

    def hurry(self) -> None:
        """Make a `stop` that waits for handlers end at once; a second call kills. For signal handlers."""
        for service in self.services:
            service.kill() if self._is_hurried else service.ask_to_stop(at_once=True)
        self._is_hurried = True

    def _ask_to_stop(self, *, at_once: bool = False) -> None:
        for service in self.services:
            service.ask_to_stop(at_once=at_once)

    def _wait(self, seconds: float) -> None:
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at and not self._is_hurried:
            if all(one.exit_code is not None for one in self.services):
                break
            time.sleep(_POLL_SECONDS)

    def dead_service(self) -> ServiceProcess | None:
        """Return a service that ended on its own, if any."""
        return next((service for service in self.services if service.exit_code is not None), None)

    def restart(self, service: ServiceProcess) -> None:
        """End a service, if it still runs, and start it again; does not wait until it is ready."""
        service.ask_to_stop(at_once=True)
        service.wait_or_kill(STOP_WITHIN)
        if service.name == "beat":
            with suppress(RedisError):  # an outage is no reason to leave it down
                end_lead_of_dead_beat(self._client, service.pid)
        command = next(one for one in self._commands() if one.name == service.name)
        self.services[self.services.index(service)] = self._start_process(command)

    def _start_processes(self) -> None:
        self.worker_name = f"mission-control-{time.monotonic_ns():x}@{socket.gethostname()}"
        for command in self._commands():
            self.services.append(self._start_process(command))

    def _commands(self) -> list[ServiceCommand]:
        how: dict[str, Any] = {"concurrency": self._concurrency, "reloads": self._reloads}
        page = [] if self._page is None else [web_command(self._page.fileno())]
        return [beat_command(), worker_command(self.worker_name, **how), *page]

    def _start_process(self, command: ServiceCommand) -> ServiceProcess:
        lock = [] if self._lock is None or self._lock.services is None else [self._lock.services]
        page = [self._page.fileno()] if self._page is not None and command.name == WEB else []
        with self._open_output(command.name) as output:
            started = ServiceProcess(command, self._settings.environment(), output, inherits=(*lock, *page))
        if self._lock is not None:
            self._lock.note_service(started.pid)
        return started

    def wait_until_ready(self, pause: Callable[[float], object] = time.sleep) -> None:
        """Return when both do their work; raises as `start`."""
        give_up_at = time.monotonic() + START_WITHIN.total_seconds()
        ready: set[str] = set()
        while len(ready) < len(_READY):
            for name in self._ready() - ready:
                self._tell(_READY[name])
                ready.add(name)
            dead = self.dead_service()
            if dead is not None:
                raise FleetError(
                    f"{dead.name} ended with exit code {dead.exit_code}{self._last_lines(dead.name)}"
                )
            if time.monotonic() > give_up_at:
                seconds = START_WITHIN.total_seconds()
                raise FleetError(
                    f"beat and worker were not ready within {seconds:g} s{self._last_lines('worker')}"
                )
            pause(_POLL_SECONDS)

    def _ready(self) -> set[str]:
        ours = {("beat", beat_name(self.services[0].pid)), ("worker", self.worker_name)}
        return {one.kind for one in live_processes(self._client) if (one.kind, one.name) in ours}

    def _open_log(self, name: str) -> IO[bytes]:
        return open_log(self._settings.data_dir / "logs" / f"{name}.log")

    def _last_lines(self, name: str) -> str:
        if self._open_output != self._open_log:
            return ""
        path = self._settings.data_dir / "logs" / f"{name}.log"
        try:
            return f"; the end of {path}:\n{end_of(path, _LAST_LINES_BYTES)}"
        except OSError as error:
            return f"; {path} cannot be read: {error.strerror}"
