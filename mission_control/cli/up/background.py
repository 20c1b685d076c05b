"""Going on in the background, with a log file in place of the terminal."""

import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from mission_control.cli.live.stop_signals import STOPS, StopRequestedError, StopSignals
from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.output import tell
from mission_control.safe_paths import own_files

_READY: Final = b"+"


class Background:
    """The process in the background. It writes to the terminal until it is `ready`, and then to its log."""

    def __init__(self, log: Path, to_the_typed: int) -> None:
        self._log = log
        self._to_the_typed = to_the_typed

    def ready(self) -> None:
        """Write to the log from now on, and let the process that was typed end."""
        self._write_to_log()
        os.write(self._to_the_typed, _READY)
        os.close(self._to_the_typed)

    def keep_log_small(self) -> None:
        """Begin another log file if this one is large; one old file is kept. Quick."""
        if os.fstat(1).st_size > own_files.LOG_BYTES:
            with suppress(OSError):  # the disk is full: the next round tries again
                self._write_to_log()

    def _write_to_log(self) -> None:
        with own_files.open_log(self._log) as log:
            for descriptor in (1, 2):
                os.dup2(log.fileno(), descriptor)


def go_to_background(log: Path) -> Background:
    """Go on in another process, in a session of its own, where this returns.

    The process that was typed waits until the other one is ready, and ends with exit code 0, or with that of
    the other one. A signal that stops it stops the other one.

    Raises:
        UnsafePathError, OSError: the log cannot be written.
    """
    own_files.open_log(log).close()
    reading, writing = os.pipe()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # until a signal here stops the other one
    child = os.fork()
    if child != 0:
        os.close(writing)
        sys.exit(_exit_code(child, reading, mask))
    os.close(reading)
    os.setsid()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return Background(log, writing)


def _exit_code(child: int, reading: int, mask: Iterable[int]) -> int:
    with StopSignals() as signals:
        signals.kill = partial(os.kill, child, signal.SIGTERM)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            if os.read(reading, 1) == _READY:
                return ExitCode.DONE
        except StopRequestedError:
            os.kill(child, signal.SIGTERM)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        tell(f"the process in the background was ended by {signal.Signals(-code).name}")
    return code if code > 0 else ExitCode.FAILED
