"""Our programs, begun by a process that has imported their modules already.

Importing takes a worker longer than all that most tests ask of it. `ForkedProgram` does what
`subprocess.Popen` does for them. How they start in a new Python, the tests of `Fleet` and `up` show.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import time
import zoneinfo
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.forkserver import set_forkserver_preload
from pathlib import Path
from typing import TYPE_CHECKING

from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.context import ForkServerContext

PRELOADED = "tests.processes.preloaded"


def preloaded_context() -> ForkServerContext:
    """Return what starts processes with those modules; each xdist worker has one server for all of them."""
    set_forkserver_preload([PRELOADED])
    return get_context("forkserver")


class ForkedProgram:
    """A command line of `launched`, in a session of its own; its output is appended to a log."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._argv = list(argv)
        words = self._argv[self._argv.index("-P") + 1 :]
        log.touch()
        given = (words, dict(environment), str(log), str(Path.cwd()))
        self._process = preloaded_context().Process(target=_begin, args=given, name="MainProcess")
        self._process.start()
        self.pid = self._process.pid or 0
        wait_until(self._leads_a_session, f"{words} has a session of its own")

    def _leads_a_session(self) -> bool:
        with suppress(ProcessLookupError):
            return os.getsid(self.pid) == self.pid
        return True  # it is over

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        exit_code = self.poll()
        if exit_code is None:
            raise subprocess.TimeoutExpired(self._argv, timeout or 0.0)
        return exit_code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _begin(words: list[str], environment: dict[str, str], log: str, folder: str) -> None:
    """Be `python -P` with these words, as far as a program can tell."""
    with Path(log).open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    zoneinfo.reset_tzpath()
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    os.chdir(folder)
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")
