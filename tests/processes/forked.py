"""Our programs, begun by a process that has imported their modules already.

Importing takes a worker longer than all that most tests ask of it. `ForkedProgram` does what
`subprocess.Popen` does for them; with `forked_services`, and in a `ForkedFleet`, services start so. How they
start in a new Python, the tests of `up` and of `TaskScheduler` show.

Not true of them: modules are in `sys.modules` that a program would import later or never, and their parent is
the process that forks them, so they notice its death and not that of the process that asked for them.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import time
import zoneinfo
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context
from multiprocessing.forkserver import set_forkserver_preload
from multiprocessing.reduction import DupFd
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any
from unittest.mock import patch

from mission_control.configuration.settings import SUPERVISOR_VARIABLE
from mission_control.processes import service_process
from mission_control.processes.fleet import Fleet
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.context import ForkServerContext

    from mission_control.processes.service_process import ServiceCommand, ServiceProcess

PRELOADED = "tests.processes.preloaded"
_ALONE = Lock()  # of threads that look whether a process has ended, only one may read its exit code


def preloaded_context() -> ForkServerContext:
    """Return what starts processes with those modules; each xdist worker has one server for all of them."""
    set_forkserver_preload([PRELOADED])
    return get_context("forkserver")


@contextmanager
def forked_services() -> Iterator[None]:
    """Fork the services that are started meanwhile, in any thread: those that inherit their output only."""
    ours = SimpleNamespace(**{**vars(subprocess), "Popen": _forked_service})
    with patch.object(service_process, "subprocess", ours):
        yield


class ForkedFleet(Fleet):
    """A beat and a worker that are forked; all else is as in `Fleet`."""

    def _start_process(self, command: ServiceCommand) -> ServiceProcess:
        with forked_services():
            return super()._start_process(command)


def _forked_service(argv: Sequence[str], *, env: Mapping[str, str], **how: Any) -> object:
    if how["pass_fds"] or how["stdout"] == subprocess.PIPE or argv[1] not in ("-P", "-m"):
        return subprocess.Popen(argv, env=env, **how)
    return ForkedProgram(argv, env, how["stdout"], folder=how["cwd"])


class ForkedProgram:
    """`python -P FILE …` or `python -m MODULE …` in a session of its own, in this folder or another."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        output: IO[bytes],
        *,
        folder: Path | str | None = None,
    ) -> None:
        self._argv = list(argv)
        folder = folder if folder is not None else Path.cwd()
        given = (self._argv, dict(environment), _Descriptor(output.fileno()), str(folder))
        self._process = preloaded_context().Process(target=_begin, args=given, name="MainProcess")
        with _ALONE:
            self._process.start()
        self.pid = self._process.pid or 0
        wait_until(self._leads_a_session, f"{self._argv} has a session of its own")

    def _leads_a_session(self) -> bool:
        with suppress(ProcessLookupError):
            return os.getsid(self.pid) == self.pid
        return True  # it is over

    def poll(self) -> int | None:
        with _ALONE:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        connection.wait([self._process.sentinel], timeout)
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


class _Descriptor:
    """The number of a file descriptor, which is another one in the process that it is sent to."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (DupFd(self._number),)


def _received(sent: Any) -> int:
    return int(sent.detach())


def _begin(argv: list[str], environment: dict[str, str], output: int, folder: str) -> None:
    """Be this program of Python, as far as it can tell."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    if SUPERVISOR_VARIABLE in environment:
        os.environ[SUPERVISOR_VARIABLE] = str(os.getppid())
    time.tzset()
    zoneinfo.reset_tzpath()
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    os.chdir(folder)
    _, option, name, *_ = argv
    sys.argv = argv[2:]
    if option == "-m":
        sys.path.insert(0, folder)
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(name, run_name="__main__")
