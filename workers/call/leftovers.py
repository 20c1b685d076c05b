"""What a handler may leave behind in its process, put back before the next one runs.

Only what belongs to the whole process, and is cheap to compare. Threads, module globals and open files stay.
"""

import locale
import logging
import os
import signal
import socket
import sys
import threading
import time
import warnings

# That of `signal` makes enums, which takes forty times as long.
from _signal import getsignal  # type: ignore[import-not-found]
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from mission_control.events import events
from workers.call.child_processes import end_own_children
from workers.call.pool_signals import is_in_pool_child

# As numbers, made once: enums would cost a run a third of its time. SIGUSR1 interrupts handlers.
_SIGNALS: Final = tuple(map(int, signal.valid_signals() - {signal.SIGUSR1}))
_TIMERS: Final = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_LOG_SETTINGS: Final = ("level", "handlers", "filters", "propagate", "disabled")
_Setting = tuple[str, Callable[[], Any], Callable[[Any], object]]
_AS_MADE: Final = (logging.NOTSET, (), (), True, False)


@contextmanager
def alone() -> Iterator[None]:
    """Call a handler in the block so that it leaves as little behind in this process as can be.

    A process that handlers share at the same time, in a pool of threads, stays as they leave it. In a prefork
    pool the processes that the handler has started end with it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_in_child = is_in_pool_child()
    with put_back(_before_the_first_run() if is_in_child else None):
        try:
            yield
        finally:
            if is_in_child:
                end_own_children()


@contextmanager
def put_back(before: Sequence[Any] | None = None) -> Iterator[None]:
    """Restore, at the end of the block, what the block has changed of this process; in its main thread only.

    Timers, signal handlers and masks, the working directory, the umask, the environment and its time zone,
    the locale, the default timeout of sockets, the filters of warnings, the settings of existing loggers,
    `sys.path`, the standard streams and the recursion limit. `before` has all but the root logger and the
    streams, where it was read earlier.
    """
    before = [*(before or _read(_OF_THE_PROCESS)), *_read(_OF_THE_RUN)]
    try:
        yield
    finally:
        for (name, read, write), value in zip((*_OF_THE_PROCESS, *_OF_THE_RUN), before, strict=True):
            try:
                if read() != value:
                    write(value)
            except Exception as error:  # noqa: BLE001  # a directory that is gone must not keep the others
                events.leftover_kept(name, error)


def _read(settings: Sequence[_Setting]) -> list[Any]:
    return [read() for _, read, _ in settings]


@cache
def _before_the_first_run() -> list[Any]:
    # A pool's child does nothing else between two runs, so each finds the process as the first did.
    return _read(_OF_THE_PROCESS)


def _working_directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  # a path would take four times as long
    except FileNotFoundError:  # removed
        return None


def _change_directory(path: str | None) -> None:
    if path is not None:
        os.chdir(path)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _environment() -> dict[bytes, bytes]:
    return dict(os.environ._data)  # type: ignore[attr-defined]  # noqa: SLF001  # decoded it takes thirty times as long


def _set_environment(variables: dict[bytes, bytes]) -> None:
    for name in os.environb.keys() - variables.keys():  # not all at once: other threads read them meanwhile
        del os.environb[name]
    os.environb.update(variables)
    time.tzset()


def _signal_handlers() -> dict[int, Any]:
    # None stands for a signal handler that Python did not install.
    return {number: handler for number in _SIGNALS if (handler := getsignal(number)) is not None}


def _set_signal_handlers(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        if getsignal(number) is not handler:
            signal.signal(number, handler)


def _timers() -> list[bool]:
    return [signal.getitimer(which) != (0.0, 0.0) for which in _TIMERS]


def _stop_timers(were_running: list[bool]) -> None:
    for which, was_running in zip(_TIMERS, were_running, strict=True):
        if not was_running:
            signal.setitimer(which, 0)


def _log_settings() -> tuple[list[Any], dict[logging.Logger, tuple[Any, ...]]]:
    # All loggers that exist, and what was set of those that are not as they were made.
    known = list(logging.root.manager.loggerDict.values())
    return known, {
        one: _log_setting(one)
        for one in known
        if not isinstance(one, logging.PlaceHolder)
        and (one.level or one.handlers or one.filters or one.disabled or not one.propagate)
    }


def _log_setting(logger: logging.Logger) -> tuple[Any, ...]:
    return logger.level, tuple(logger.handlers), tuple(logger.filters), logger.propagate, logger.disabled


def _set_log_settings(before: tuple[list[Any], dict[logging.Logger, tuple[Any, ...]]]) -> None:
    known, settings = before
    for logger in (_log_settings()[1].keys() | settings.keys()) & set(known):
        _set_log_setting(logger, settings.get(logger, _AS_MADE))


def _set_log_setting(logger: logging.Logger, values: tuple[Any, ...]) -> None:
    for name, value in zip(_LOG_SETTINGS, values, strict=True):
        setattr(logger, name, list(value) if isinstance(value, tuple) else value)
    logger.setLevel(logger.level)  # which forgets what loggers have remembered of levels


def _set_warnings(before: tuple[list[Any], Any]) -> None:
    filters, warnings.showwarning = before
    warnings.filters[:] = filters  # type: ignore[index]
    with warnings.catch_warnings():
        pass  # its end makes the new filters count


def _set_streams(streams: tuple[Any, ...]) -> None:
    sys.stdin, sys.stdout, sys.stderr = streams


_OF_THE_PROCESS: Final[Sequence[_Setting]] = (
    ("timers", _timers, _stop_timers),
    ("signal handlers", _signal_handlers, _set_signal_handlers),
    (
        "signal mask",
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        lambda mask: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
    ),
    ("working directory", _working_directory, _change_directory),
    ("umask", _umask, os.umask),
    ("environment", _environment, _set_environment),
    ("locale", lambda: locale.setlocale(locale.LC_ALL), lambda text: locale.setlocale(locale.LC_ALL, text)),
    ("socket timeout", socket.getdefaulttimeout, socket.setdefaulttimeout),
    ("warnings", lambda: (list(warnings.filters), warnings.showwarning), _set_warnings),
    ("logging level", lambda: logging.root.manager.disable, logging.disable),
    ("loggers", _log_settings, _set_log_settings),
    ("sys.path", lambda: list(sys.path), lambda path: sys.path.__setitem__(slice(None), path)),
    ("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
)
# These are others for each run, as what it prints and logs is captured.
_OF_THE_RUN: Final[Sequence[_Setting]] = (
    (
        "root logger",
        lambda: _log_setting(logging.root),
        lambda values: _set_log_setting(logging.root, values),
    ),
    ("standard streams", lambda: (sys.stdin, sys.stdout, sys.stderr), _set_streams),
)
