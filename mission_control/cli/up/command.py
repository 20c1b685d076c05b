"""`mission-control up`."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.live.stop_signals import STOPS, StopRequestedError, StopSignals
from mission_control.cli.terminal.failures import CommandError, ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import facts, near, tell
from mission_control.cli.terminal.wording import own_zone, program_name
from mission_control.safe_paths import own_files

if TYPE_CHECKING:
    import socket

    from mission_control.cli.up.screen import Screen
    from mission_control.configuration.settings import Settings
    from mission_control.installation.installation import Installation
    from mission_control.processes.up_lock import UpLock

# For the ends of beat, the worker and the server, after the running handlers.
_ENDS_WITHIN_SECONDS: Final = 30.0
_READY: Final = b"+"
_LOOK_EVERY: Final = 0.05  # seconds


@click.command()
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many handlers run at once; one per core by default.",
)
@click.option(
    "--detach", "-d", is_flag=True, help="Start them in the background and return; `down` stops them."
)
@click.option("--no-web", is_flag=True, help="Do not serve the page.")
def up(concurrency: int | None, detach: bool, no_web: bool) -> None:
    """Start a server, beat and a worker, serve the page, and show what they do.

    Applies the installation's task file first, if there is one. Restarts a process that dies, and loads
    handlers again when their files change. After Ctrl-C, SIGTERM or the end of the terminal running handlers
    have MISSION_CONTROL_STOP_GRACE_SECONDS (30) to finish; a second Ctrl-C interrupts them, a third kills.
    Each finished attempt is one line on stdout; logs and messages go to stderr. With --detach, all of that
    goes to logs/up.log in the data directory once everything is up. Exit code 4: an `up` runs here already.
    """
    from mission_control.configuration.settings import read_settings

    settings = read_settings()
    background = go_to_background(settings.up_log) if detach else None
    try:
        with (
            StopSignals() as signals,
            _only_up(settings, settings.up_log if detach else None) as lock,
            current(sets_up=True) as installation,
        ):
            _run(installation, concurrency, signals, lock, background, has_page=not no_web)
    except StopRequestedError:
        tell("stopped before everything was up")


@contextmanager
def _only_up(settings: Settings, log: Path | None) -> Iterator[UpLock]:
    from mission_control.processes.up_lock import UpLock

    lock = UpLock(settings.data_dir)
    if (killed := lock.killed()) is not None:
        tell(f"`up` (process {killed.pid}) was killed; waiting for its beat and its worker to end")
    if not lock.take(log, settings.stop_grace_seconds + _ENDS_WITHIN_SECONDS):
        other = lock.running()
        which = "" if other is None else f" (process {other.pid} on {other.host})"
        raise CommandError(
            f"`up` works on {near(settings.data_dir)} already{which}: stop it with `mission-control down` "
            "or name another data directory with --data-dir (-C)",
            ExitCode.REFUSED,
        )
    try:
        yield lock
    finally:
        lock.leave()


def _run(
    installation: Installation,
    concurrency: int | None,
    signals: StopSignals,
    lock: UpLock,
    background: Background | None,
    *,
    has_page: bool,
) -> None:
    from msgspec.structs import replace

    from mission_control.audit.stream.reader import Follower
    from mission_control.cli.live.service_output import LogPipes
    from mission_control.cli.live.supervisor import supervise
    from mission_control.cli.up.screen import Screen, apply_own_tasks
    from mission_control.errors import FleetError
    from mission_control.processes.fleet import Fleet
    from mission_control.processes.keeper import Keeper

    settings = replace(installation.settings, log_format="text")  # for the reader of this screen
    screen = Screen(own_zone().key, installation.clock)
    applied = apply_own_tasks(installation.registry, settings.default_tasks_file, installation.resources)
    screen.introduce(installation.redis_url, installation.registry, settings, applied=applied)
    signals.pause(0)  # a signal that came meanwhile: nothing begins
    page = _opened_page(installation, screen) if has_page else None
    pipes = LogPipes(screen.log)
    fleet = Fleet(
        installation.client,
        settings,
        concurrency=concurrency,
        reloads=True,
        open_output=pipes.open,
        lock=lock,
        page=page,
        tell=screen.say,
    )
    follower = Follower(settings.task_execution_log)
    signals.kill = fleet.hurry
    try:
        fleet.start(signals.pause)
        _tell_ready(screen, settings, background)
        supervise(
            Keeper(fleet, installation.clock, screen.say, signals.pause),
            follower,
            screen.record,
            signals.pause,
            each_round=(lambda: None) if background is None else background.keep_log_small,
        )
    except FleetError as error:
        raise FleetError(f"{error}{pipes.last_lines_of_named(str(error))}") from error
    except StopRequestedError:
        screen.say("stopping: running handlers may finish; Ctrl-C again interrupts them")
    finally:
        fleet.stop()
        if page is not None:
            page.close()
        for record in follower.poll():
            screen.record(record)
        follower.close()
    screen.say("stopped")


def _opened_page(installation: Installation, screen: Screen) -> socket.socket | None:
    """Return where the page is served, and say so; if it cannot be, say that, and go on without."""
    from mission_control.cli.web import listening
    from mission_control.errors import FleetError
    from mission_control.processes.http_server import url_of

    try:
        page = listening(installation, installation.settings.web_host, installation.settings.web_port)
    except (CommandError, FleetError) as error:
        screen.say(f"the page is not served: {error}")
        return None
    screen.say(f"the page is at {url_of(page)}")
    return page


def _tell_ready(screen: Screen, settings: Settings, background: Background | None) -> None:
    if background is None:
        screen.say("everything is up; Ctrl-C stops it")
        return
    screen.say(f"everything is up, in the background (process {os.getpid()})")
    tell(facts([("log", near(settings.up_log)), ("stop", f"{program_name()} down")]))
    background.ready()


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
            while not select.select([reading], [], [], 0)[0]:
                signals.pause(_LOOK_EVERY)
            if os.read(reading, 1) == _READY:
                return ExitCode.DONE
        except StopRequestedError:
            os.kill(child, signal.SIGTERM)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        tell(f"the process in the background was ended by {signal.Signals(-code).name}")
    return code if code > 0 else ExitCode.FAILED
