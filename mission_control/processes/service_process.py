"""One child process of ours: its own process group, its output where it is wanted, a bounded end."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Final

from mission_control.configuration.settings import SUPERVISOR_VARIABLE, working_folder

_GONE_WITHIN_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.01


@dataclass(frozen=True)
class ServiceCommand:
    """What to start: SIGTERM asks it to finish and end, `at_once` to end without finishing."""

    name: str
    argv: Sequence[str]
    at_once: signal.Signals = signal.SIGTERM


class ServiceProcess:
    """A running service. Ctrl-C in the terminal does not reach it: the process that started it stops it."""

    def __init__(
        self,
        command: ServiceCommand,
        environment: Mapping[str, str],
        output: IO[bytes] | int,
        *,
        inherits: Sequence[int] = (),
    ) -> None:
        self.name = command.name
        self._at_once = command.at_once
        self._asked: signal.Signals | None = None
        folder = working_folder()
        self._process = subprocess.Popen(  # noqa: S603  # our own command line
            command.argv,
            env={**os.environ, **environment, SUPERVISOR_VARIABLE: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder if folder is not None and folder.is_dir() else "/",
            start_new_session=True,
            pass_fds=inherits,
        )

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self._process.pid

    @property
    def output(self) -> IO[bytes] | None:
        """What it prints, if `output` was `subprocess.PIPE`."""
        return self._process.stdout

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative if a signal ended it."""
        return self._process.poll()

    def ask_to_stop(self, *, at_once: bool = False) -> None:
        """Ask it to end, and to finish what it is doing before, unless `at_once`."""
        wanted = self._at_once if at_once else signal.SIGTERM
        if self.exit_code is None and wanted is not self._asked:  # a second one might cut its end short
            self._asked = wanted
            self._process.send_signal(wanted)

    def wait_or_kill(self, grace: timedelta) -> None:
        """Wait for its end; after `grace`, or if the wait is interrupted, kill it with all its children."""
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace.total_seconds())
        finally:
            self.kill()  # also the pool children of a parent that died before them
        # Never without limit: a Ctrl-C in the midst of an earlier wait leaves the lock of `Popen` taken.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GONE_WITHIN_SECONDS)
        self._wait_for_group()

    def kill(self) -> None:
        """Kill it with all its children."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _wait_for_group(self) -> None:
        """Wait until killed children have closed their files, for example the managed server's lock."""
        give_up_at = time.monotonic() + _GONE_WITHIN_SECONDS
        with suppress(ProcessLookupError, PermissionError):
            while time.monotonic() < give_up_at:
                os.killpg(self.pid, 0)
                time.sleep(_POLL_SECONDS)
