"""`mission-control status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.text import Text

from mission_control.cli.backfill.start import words_of
from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current, is_configured
from mission_control.cli.terminal.output import echo, echo_json, facts, near, printable
from mission_control.cli.terminal.watching import watchable
from mission_control.cli.terminal.wording import in_how_long, in_own_time, labelled_time, own_zone
from mission_control.cli.views.eta_view import eta_json, eta_words
from mission_control.cli.views.notes_view import show_notes
from mission_control.cli.views.run_view import STYLES, VOID, passed_deadlines
from mission_control.model.values.quantities import counted, duration

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.operate.simulation.forecast import Estimate
    from mission_control.operate.situation import Situation
    from mission_control.processes.up_lock import UpProcess

    Etas = Mapping[str, Estimate | None]

_KINDS = {"embedded": "its own server in the data directory", "configured": "MISSION_CONTROL_REDIS_URL"}
_RUNS_SHOWN = 10
_ENTRIES_SHOWN = 5
_SKIPS_SHOWN_FROM = 3


@click.command()
@click.option(
    "--journal", is_flag=True, help="Show beat's last actions instead: what it fired, missed, quarantined."
)
@click.option(
    "--quarantine",
    is_flag=True,
    help="Show what could not be read instead: tasks, audit records and messages, with the reason.",
)
@click.option(
    "-n", "limit", type=click.IntRange(min=1), default=20, show_default=True, help="Lines of either."
)
@watchable
@parameters.as_json
def status(journal: bool, quarantine: bool, limit: int, as_json: bool) -> None:
    """Show what is wrong, which processes are up, what runs, and what is due next.

    The first line is "OK", or what keeps work from being done, and the remedy.
    """
    from redis.exceptions import ResponseError

    from mission_control.operate.assembly import eta_of
    from mission_control.operate.exposure import exposure_warning
    from mission_control.operate.journal import last_notes, quarantine_notes
    from mission_control.operate.notified import notifications_json
    from mission_control.operate.situation import redis_place, situation
    from mission_control.processes.heartbeats import live_processes
    from mission_control.processes.up_lock import UpLock

    with current() as installation:
        client, here = installation.client, own_zone()
        if journal:
            show_notes(last_notes(client, limit), here, "beat has done nothing yet", as_json=as_json)
            return
        if quarantine:
            notes = quarantine_notes(client, installation.redbeat_keys)[:limit]
            show_notes(notes, here, "nothing is in quarantine", as_json=as_json)
            return
        redis = redis_place(installation.redis_url, is_configured=is_configured(installation.settings))
        if warning := exposure_warning(client, installation.redis_url, installation.settings.broker_url):
            redis["warning"] = warning
        found = situation(
            client,
            installation.registry,
            installation.ledger,
            installation.celery,
            now=installation.clock(),
            redbeat_keys=installation.redbeat_keys,
        )
        try:
            etas = eta_of(installation).of_runs(found.active[:_RUNS_SHOWN], found.now)
        except ResponseError:  # a key has the wrong type, which is shown
            etas = {}
        notifications = notifications_json(live_processes(client))
        up = UpLock(installation.settings.data_dir).running()
        if as_json:
            up_json = None if up is None else {"pid": up.pid, "host": up.host, "log": up.log}
            echo_json(
                {**found.to_json(redis), "eta": eta_json(etas), "notifications": notifications, "up": up_json}
            )
        else:
            rows = [
                *_rows(found, redis, here, etas),
                *([] if up is None else [("up", _up(up))]),
                *_notifications(notifications, has_workers=bool(found.workers)),
            ]
            echo(facts(rows))


def _rows(
    found: Situation, redis: Mapping[str, str], here: ZoneInfo, etas: Etas
) -> Iterator[tuple[str, str | Text]]:
    yield from _labelled("verdict", _verdict(found))
    yield "redis", f"{found.redis_version} at {redis['address']}, {_KINDS[redis['kind']]}"
    if "warning" in redis:
        yield "", Text(redis["warning"], style="yellow")
    yield from _labelled("beat", _beats(found))
    yield from _labelled("workers", _workers(found))
    yield "tasks", f"{found.enabled} enabled, {found.disabled} disabled"
    yield from _labelled(
        "paused", (Text(printable(in_own_time(one.words(), here)), style="yellow") for one in found.pauses)
    )
    yield from _labelled("changed", _changed(found, here))
    yield from _labelled(
        "backfills", (printable(f"{one.task_id}, {words_of(one)}") for one in found.backfills)
    )
    for label, lines in (("limits", found.limited), ("budgets", found.budgets)):
        shown = (Text(printable(in_own_time(one, here)), style="yellow") for one in lines)
        yield from _labelled(label, shown)
    if found.approvals:
        waiting = (
            f"{counted(found.approvals, 'change')} of holders of grants; see `mission-control approvals list`"
        )
        yield "approvals", Text(waiting, style="yellow")
    yield from _labelled("queues", _queues(found))
    yield from _labelled("running", _active(found, here, etas))
    yield from _labelled("skipped", _skipped(found))
    yield "last 24 h", _outcomes(found)
    yield from _labelled("next due", _due(found, here))
    yield from _labelled("redbeat", _entries(found, here))


def _changed(found: Situation, here: ZoneInfo) -> Iterator[str]:
    for one, is_void in found.changed[:_RUNS_SHOWN]:
        yield printable(f"{one.execution_id}  {in_own_time(one.words(), here)}{VOID if is_void else ''}")


def _notifications(found: Mapping[str, Any], *, has_workers: bool) -> Iterator[tuple[str, str | Text]]:
    if channels := found["channels"]:
        yield "channels", ", ".join(channels)
    if found["warning"] is not None and has_workers:
        yield "notify", Text(found["warning"], style="yellow")


def _up(up: UpProcess) -> str:
    where = "in the foreground" if up.log is None else f"in the background, log in {near(up.log)}"
    return printable(f"process {up.pid} on {up.host}, {where}")


def _labelled(label: str, lines: Iterator[str | Text]) -> Iterator[tuple[str, str | Text]]:
    for line in lines:
        yield label, line
        label = ""


def _verdict(found: Situation) -> Iterator[str | Text]:
    yield from (Text(printable(str(issue)), style="red") for issue in found.issues)
    if not found.issues:
        yield Text("OK", style="green")


def _beats(found: Situation) -> Iterator[str | Text]:
    for beat in found.beats:
        yield f"{beat['name']}{', leading' if beat['leading'] else ', standing by'}"
    if not found.beats:
        yield Text("none", style="yellow")


def _workers(found: Situation) -> Iterator[str | Text]:
    for worker in found.workers:
        queues = ", ".join(worker["queues"])
        runs = "1 run" if worker["concurrency"] == 1 else f"{worker['concurrency']} runs"
        yield f"{worker['name']}, {runs} at once, serving {queues}"
    if not found.workers:
        yield Text("none", style="yellow")


def _queues(found: Situation) -> Iterator[str]:
    for queue in found.queues:
        since = "" if queue.oldest is None else f", the oldest for {duration(found.now - queue.oldest)}"
        yield f"{queue.name}: {queue.waiting:,} waiting{since}"


def _active(found: Situation, here: ZoneInfo, etas: Etas) -> Iterator[str | Text]:
    from mission_control.operate.why.run_checks import waits

    known = {run.execution_id: run for run in found.active}
    for run in found.active[:_RUNS_SHOWN]:
        since = found.now - (run.started_at if run.started_at is not None else run.dispatched_at)
        state = f"{run.state}, {duration(since)}"
        if (waiting := waits(run, found.now, known)) is not None:
            state = in_own_time(waiting, here)
        elif skips := found.skips.get(run.task_id, 0):
            state += f"; {counted(skips, 'occurrence')} of {run.task_id} skipped in a row"
        if (eta := etas.get(run.execution_id)) is not None:
            state += f"; {eta_words(eta, found.now, here)}"
        if late := passed_deadlines(run):
            state += f"; late: {', '.join(late)}"
        yield f"{run.execution_id}  {state}"
    if not found.active:
        yield "nothing"
    elif found.active_count > _RUNS_SHOWN:
        yield f"… {found.active_count} in all"


def _skipped(found: Situation) -> Iterator[str]:
    """Return the tasks without an active run that were skipped several times in a row."""
    active = {run.task_id for run in found.active}
    for task_id, skips in found.skips.items():
        if skips >= _SKIPS_SHOWN_FROM and task_id not in active:
            yield f"{task_id}: {counted(skips, 'occurrence')} in a row"


def _outcomes(found: Situation) -> str | Text:
    parts = [
        Text(f"{count} {state.replace('_', ' ')}", STYLES.get(state, ""))
        for state, count in found.outcomes.items()
    ]
    return Text(", ").join(parts) if parts else "no runs"


def _due(found: Situation, here: ZoneInfo) -> Iterator[str | Text]:
    for task, moment in found.next_due:
        yield f"{labelled_time(moment, here)}  {in_how_long(moment, found.now):<14}  {task.id}"
    if not found.next_due:
        yield "nothing"


def _entries(found: Situation, here: ZoneInfo) -> Iterator[str | Text]:
    for one in found.redbeat_entries[:_ENTRIES_SHOWN]:
        when = in_how_long(one.due, found.now) if one.enabled else "disabled"
        yield f"{labelled_time(one.due, here)}  {when:<14}  {one.name}, {one.schedule}"
    if len(found.redbeat_entries) > _ENTRIES_SHOWN:
        yield f"… {len(found.redbeat_entries)} in all; see `mission-control task list`"
