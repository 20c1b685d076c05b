"""`mission-control demo`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click
from rich.text import Text

from mission_control.cli.live.stop_signals import StopRequestedError, StopSignals
from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.failures import CommandError
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_line, facts, near, tell
from mission_control.cli.terminal.own_zone import own_zone
from mission_control.cli.terminal.wording import program_name
from mission_control.configuration.clock import utc_now
from mission_control.safe_paths.own_files import own_folder

if TYPE_CHECKING:
    from mission_control.cli.demo.tasks import Progress
    from mission_control.configuration.settings import Settings
    from mission_control.installation.installation import Installation
    from mission_control.registry.registry import Registry

_SHOWN_WITHIN_SECONDS: Final = 45.0
# Enough for three tasks; on a large machine one process per core would start slowly.
_AT_ONCE: Final = 2
NEXT_COMMANDS: Final = (
    "up -d",
    "task add tea --handler handlers.hello.run -p name=tea --weekly 'mon,fri 16:00'",
    "task run tea --wait",
)


@click.command()
@click.option("--keep", is_flag=True, help="Stay up afterwards, until Ctrl-C.")
def demo(keep: bool) -> None:
    """Show Mission Control at work, in about 20 seconds.

    Starts a server, beat and a worker in a separate data directory, registers three tasks, and waits until
    each has run: a daily briefing, a greeting every few seconds, and a report that fails once and is
    retried. Your own tasks are not touched.
    """
    from mission_control.configuration.settings import read_settings

    place = _make_place(read_settings().data_dir, utc_now())
    _move_into(place)
    tell(f"A demo in {near(place)}; your own tasks are not touched.")
    try:
        with StopSignals() as signals, current(sets_up=True, joining=signals.deferred) as installation:
            _run(installation, signals, keep=keep)
    except StopRequestedError:
        raise CommandError("the demo was interrupted before its end", ExitCode.FAILED) from None


def _make_place(data_dir: Path, now: datetime) -> Path:
    """Create a private directory, below the data directory if that is writable."""
    parent = data_dir / "demo"
    try:
        own_folder(parent)
        return Path(tempfile.mkdtemp(prefix=now.strftime("%Y%m%d-%H%M%S-"), dir=parent))
    except OSError:
        return Path(tempfile.mkdtemp(prefix="mission-control-demo-"))


def _move_into(place: Path) -> None:
    """Make this process and its children use an installation in `place`, and ignore the user's settings."""
    from mission_control.configuration.settings import PREFIX

    for name in [name for name in os.environ if name.startswith(PREFIX) and name != f"{PREFIX}TIMEZONE"]:
        del os.environ[name]
    os.environ[f"{PREFIX}DATA_DIR"] = str(place)
    os.environ[f"{PREFIX}HANDLERS"] = str(place / "handlers")


def _run(installation: Installation, signals: StopSignals, *, keep: bool) -> None:
    from mission_control.audit.stream.follow import Follower
    from mission_control.cli.demo.tasks import Progress, demo_tasks
    from mission_control.cli.live.supervisor import supervise
    from mission_control.cli.views.audit_view import LiveLines
    from mission_control.processes.fleet import Fleet
    from mission_control.processes.keeper import Keeper

    _say("a Redis server runs")
    progress, lines = Progress(), LiveLines(own_zone().key)
    fleet = Fleet(installation.client, installation.settings, concurrency=_AT_ONCE, tell=_say)

    def show(record: dict[str, Any]) -> None:
        progress.records.append(record)
        echo_line(lines.line(record))

    follower = Follower(installation.settings.task_execution_log)
    keep_up = partial(supervise, Keeper(fleet, installation.clock, _say), follower, show)
    signals.kill = fleet.hurry
    try:
        fleet.start()
        now = installation.clock().astimezone(own_zone())
        _register(installation.registry, demo_tasks(now))
        _wait(keep_up, progress, installation.settings.data_dir / "logs")
        if keep:
            _keep(keep_up)
    finally:
        fleet.stop()
        follower.close()
    _say("beat and the worker are stopped")
    _hand_over(installation.settings, progress)


def _register(registry: Registry, definitions: list[dict[str, Any]]) -> None:
    for definition in definitions:
        registry.register(definition)
        task = registry.definition(definition["id"])
        if task is not None:
            _say(f"task {task.id}: {task.schedule.describe()}")
    _say("their runs, as they end:")


def _wait(keep_up: Callable[..., None], progress: Progress, logs: Path) -> None:
    import time

    give_up_at = time.monotonic() + _SHOWN_WITHIN_SECONDS
    keep_up(lambda: not progress.missing or bool(progress.failures) or time.monotonic() > give_up_at)
    if not progress.missing and not progress.failures:
        return
    problems = progress.failures or [f"not within {_SHOWN_WITHIN_SECONDS:g} s: {', '.join(progress.missing)}"]
    raise CommandError("\n".join([*problems, f"see the logs in {near(logs)}"]), ExitCode.FAILED)


def _hand_over(settings: Settings, progress: Progress) -> None:
    """Show what the demo has left, and what to type next."""
    program = program_name()
    left = [("briefing", progress.briefing), ("audit file", settings.task_execution_log)]
    echo(facts([(what, near(place)) for what, place in left if place is not None]))
    echo("", "Now with a task of your own:", *(f"  {program} {words}" for words in NEXT_COMMANDS))


def _keep(keep_up: Callable[[], None]) -> None:
    try:
        _say("staying up; Ctrl-C stops it")
        keep_up()
    except StopRequestedError:
        _say("stopping")


def _say(text: str) -> None:
    tell(Text(text, "cyan"))
