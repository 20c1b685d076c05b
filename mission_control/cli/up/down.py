"""`mission-control down`."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from mission_control.cli.terminal.failures import CommandError, ExitCode
from mission_control.cli.terminal.output import echo_line, near, tell
from mission_control.cli.terminal.wording import own_zone
from mission_control.model.values.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from mission_control.audit.stream.reader import Follower
    from mission_control.processes.up_lock import UpLock, UpProcess

_ROUND_SECONDS: Final = 0.1


@click.command()
def down() -> None:
    """Stop what `up` has started in this data directory, and wait until it has ended.

    Running handlers have the MISSION_CONTROL_STOP_GRACE_SECONDS (30) of the `up` to finish; Ctrl-C interrupts
    them, another one kills. Interrupted runs go back to the queue. Each attempt that ends meanwhile is one
    line on stdout. Exit code 3: nothing is up.
    """
    from mission_control.audit.stream.reader import Follower
    from mission_control.cli.views.audit_view import LiveLines
    from mission_control.configuration.settings import read_settings
    from mission_control.processes.up_lock import UpLock
    from mission_control.safe_paths.paths import require_safe

    settings = read_settings()
    require_safe(settings.data_dir)
    lock = UpLock(settings.data_dir)
    running = lock.running()
    if running is None:
        _clear_up(lock, near(settings.data_dir))
        return
    if running.host != socket.gethostname():
        raise CommandError(
            f"`up` runs on another host, {running.host}: call `mission-control down` there", ExitCode.REFUSED
        )
    follower, lines = Follower(settings.task_execution_log), LiveLines(own_zone().key)
    cut: list[str] = []

    def show(record: dict[str, Any]) -> None:
        echo_line(lines.line(record))
        if record.get("status") == "interrupted":
            cut.append(str(record.get("execution_id")))

    _stop(lock, running, partial(_each, follower, show))
    follower.close()
    tell(f"stopped; {_cut_in_words(cut)}")


def _each(follower: Follower, show: Callable[[dict[str, Any]], None]) -> None:
    for record in follower.poll():
        show(record)


def _stop(lock: UpLock, running: UpProcess, look: Callable[[], None]) -> None:
    def ask(_number: int = 0, _frame: FrameType | None = None) -> None:
        with suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGTERM)

    before = signal.signal(signal.SIGINT, ask)
    tell(f"stopping `up` (process {running.pid}): running handlers may finish; Ctrl-C interrupts them")
    ask()
    give_up_at = time.monotonic() + running.stops_within
    while not lock.has_ended(running):
        look()
        if time.monotonic() > give_up_at:
            tell(f"it has not stopped within {running.stops_within:g} s and is killed")
            os.kill(running.pid, signal.SIGKILL)
            give_up_at = float("inf")
        time.sleep(_ROUND_SECONDS)
    signal.signal(signal.SIGINT, before)
    if lock.killed() == running:
        _end_left_behind(lock)
    look()


def _clear_up(lock: UpLock, place: str) -> None:
    """End what a killed `up` has left."""
    killed = lock.killed()
    if killed is None:
        raise CommandError(f"nothing is up in {place}", ExitCode.NOT_FOUND)
    tell(f"`up` (process {killed.pid}) was killed; waiting for its beat and its worker to end")
    _end_left_behind(lock)
    tell("stopped")


def _end_left_behind(lock: UpLock) -> None:
    if ended := lock.end_left_behind():
        tell(f"what did not end is killed: process {', '.join(map(str, ended))}")
    lock.clear()


def _cut_in_words(cut: list[str]) -> str:
    if not cut:
        return "no run was interrupted"
    return f"{counted(len(cut), 'run')} interrupted, to run again after the next `up`: {', '.join(cut)}"
