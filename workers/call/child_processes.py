"""The processes that a handler has started: they end with it."""

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from multiprocessing.process import AuthenticationString  # type: ignore[attr-defined]  # not in typeshed
from typing import Final

import psutil

from mission_control.events import events

_GRACE_SECONDS: Final = 1.0
_ENDS: Final = {signal.SIGTERM}
_mask: Final = threading.local()


def allow_own_children(**_: object) -> None:
    """In a child of a prefork pool: let handlers use `multiprocessing`, and its processes end at SIGTERM.

    Celery's children are daemonic, and such a process may have no children because they would outlive it;
    ours end with their handler. A spawned process is sent its parent's key, which billiard's type refuses. A
    forked one would inherit billiard's signal handler, whose `SystemExit` is lost if it comes while the fork
    is not over: `multiprocessing` then waits for that process without end.
    """
    configured = multiprocessing.current_process()._config  # type: ignore[attr-defined]  # noqa: SLF001
    configured["daemon"] = False
    configured["authkey"] = AuthenticationString(configured["authkey"])
    os.register_at_fork(before=_hold_ends, after_in_parent=_let_ends_come, after_in_child=_end_as_others)


def end_own_children() -> None:
    """End what is left of the processes that this one has started: SIGTERM, and SIGKILL a second later.

    Costs one system call if there are none. A process that has detached itself, because the one between has
    ended, is not found.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return
    left = _descendants(os.getpid())
    if left:
        events.handler_processes_ended([one.pid for one in left])
    for one in left:
        with suppress(psutil.Error):
            one.terminate()
    _, left = psutil.wait_procs(left, timeout=_GRACE_SECONDS)
    _kill(left)
    psutil.wait_procs(left, timeout=_GRACE_SECONDS)


def kill_children(pid: int) -> None:
    """Kill the processes that a process has started."""
    _kill(_descendants(pid))


def kill_with_children(pid: int) -> None:
    """Kill a process, after those that it has started."""
    kill_children(pid)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _kill(processes: list[psutil.Process]) -> None:
    for one in processes:
        with suppress(psutil.Error):
            one.kill()


def _hold_ends() -> None:
    _mask.before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)


def _let_ends_come() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _mask.before)


def _end_as_others() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _let_ends_come()
