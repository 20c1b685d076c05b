"""`mission-control up`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.live.stop_signals import StopRequestedError, StopSignals
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import tell
from mission_control.cli.terminal.own_zone import own_zone

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


@click.command()
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many handlers run at once; one per core by default.",
)
def up(concurrency: int | None) -> None:
    """Start a server, beat and a worker, and show what they do.

    Applies the installation's task file first, if there is one. Restarts a process that dies, and loads
    handlers again when their files change. After Ctrl-C, SIGTERM or the end of the terminal running handlers
    have MISSION_CONTROL_STOP_GRACE_SECONDS (30) to finish; a second Ctrl-C interrupts them, a third kills.
    Each finished attempt is one line on stdout; logs and messages go to stderr.
    """
    try:
        with StopSignals() as signals, current(sets_up=True, joining=signals.deferred) as installation:
            _run(installation, concurrency, signals)
    except StopRequestedError:
        tell("stopped before everything was up")


def _run(installation: Installation, concurrency: int | None, signals: StopSignals) -> None:
    from msgspec.structs import replace

    from mission_control.audit.stream.follow import Follower
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
    pipes = LogPipes(screen.log)
    fleet = Fleet(
        installation.client, settings, concurrency=concurrency, reloads=True, open_output=pipes.open
    )
    follower = Follower(settings.task_execution_log)
    signals.kill = fleet.hurry
    try:
        fleet.start()
        screen.say("everything is up; Ctrl-C stops it")
        supervise(Keeper(fleet, installation.clock, screen.say), follower, screen.record)
    except FleetError as error:
        raise FleetError(f"{error}{pipes.last_lines_of_named(str(error))}") from error
    except StopRequestedError:
        screen.say("stopping: running handlers may finish; Ctrl-C again interrupts them")
    finally:
        fleet.stop()
        for record in follower.poll():
            screen.record(record)
        follower.close()
    screen.say("stopped")
