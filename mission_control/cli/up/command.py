"""`mission-control up`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.live.stop_signals import StopRequestedError, StopSignals
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import tell

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


@click.command()
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many handlers run at once; else one a core.",
)
def up(concurrency: int | None) -> None:
    """Start server, beat and worker, and show what they do.

    Applies the installation's task file first, if there is one. Ctrl-C (or SIGTERM) stops everything in
    good order within 10 seconds, a second one at once. What dies by itself is started again.
    Each finished attempt is one line on stdout; log lines and messages go to stderr.
    """
    try:
        with StopSignals() as signals, current(signals.deferred) as installation:
            _run(installation, concurrency, signals)
    except StopRequestedError:
        tell("stopped before everything was up")


def _run(installation: Installation, concurrency: int | None, signals: StopSignals) -> None:
    from mission_control.audit.stream.follow import Follower
    from mission_control.cli.live.log_pipe import LogPipes
    from mission_control.cli.live.supervisor import Supervisor, kill_services
    from mission_control.cli.up.screen import Screen
    from mission_control.processes.fleet import Fleet, FleetError

    screen = Screen(installation)
    screen.introduce()
    pipes = LogPipes(screen.log)
    fleet = Fleet(installation, concurrency=concurrency, open_output=pipes.open)
    follower = Follower(installation.settings.task_execution_log)
    signals.kill = lambda: kill_services(fleet)
    try:
        fleet.start()
        screen.announce_ready()
        Supervisor(
            installation, fleet, follower, tell=screen.say, show=screen.record, watch=screen.watch()
        ).run()
    except FleetError as error:
        raise FleetError(f"{error}{pipes.last_lines_of_named(str(error))}") from error
    except StopRequestedError:
        screen.say("stopping: beat and worker finish what they can; Ctrl-C again ends them at once")
    finally:
        fleet.stop()
        for record in follower.poll():
            screen.record(record)
        follower.close()
    screen.say("stopped")
