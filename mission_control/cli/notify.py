"""`mission-control notify test` and `notify who`."""

from __future__ import annotations

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_json, facts, printable, tell
from mission_control.cli.terminal.wording import labelled_time, own_zone


@click.command("test")
@click.argument("channel")
@click.option(
    "--timeout",
    type=parameters.DURATION,
    default=120.0,
    show_default=True,
    metavar="DURATION",
    help="How long.",
)
@parameters.as_json
@parameters.dry_run
def test_channel(channel: str, timeout: float, as_json: bool, dry_run: bool) -> int:
    """Send a test message to a channel, as a run on a worker, and wait for what becomes of it.

    Exit code 1: the channel did not take it; 3: no live worker has the channel.
    """
    from mission_control.cli.views.sending import answer, start
    from mission_control.dispatch.enqueue import Dispatch
    from mission_control.notifications.message_runs import HANDLER
    from mission_control.operate.notified import known_channel
    from mission_control.processes.heartbeats import live_processes

    with current() as installation:
        name = known_channel(channel, live_processes(installation.client))
        params = {
            "to": [name],
            "title": "Test",
            "text": f"Mission Control reaches you on the channel {name}.",
        }
        runs = start(Dispatch.of(installation), installation.client, HANDLER, params, dry_run=dry_run)
        return answer(runs, wait=True, timeout=timeout, as_json=as_json)


@click.command()
@parameters.task_id
@parameters.as_json
def who(task_id: str, as_json: bool) -> None:
    """Show which events of a task are reported to which channels, and what is going on with it."""
    from mission_control.operate.notified import who_is_reported
    from mission_control.operate.tasks import existing_task, task_id_of
    from mission_control.processes.heartbeats import live_processes

    with current() as installation:
        task = existing_task(installation.registry, task_id_of(installation.registry, task_id))
        found = who_is_reported(installation.client, task, live_processes(installation.client))
    if as_json:
        echo_json({"task_id": task.id, **found.to_json()})
        return
    events, channels = ", ".join(found.on), ", ".join(found.to)
    rows = [("events", events or "none"), ("channels", channels or "none")]
    rows += [
        (one.event, printable(f"since {labelled_time(one.since, own_zone())}: {one.text}"))
        for one in found.incidents.values()
    ]
    echo(facts(rows))
    for problem in found.problems:
        tell(problem)
