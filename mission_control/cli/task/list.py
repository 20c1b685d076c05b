"""`mission-control task list`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import rich_click as click
from rich.text import Text

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.filters import task_filters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, ShortNames, Worth
from mission_control.cli.terminal.output import echo, echo_json_array, table, tell, tell_issues
from mission_control.cli.terminal.revealing import shown_definitions
from mission_control.cli.terminal.watching import watchable
from mission_control.cli.terminal.wording import in_how_long, local_time, own_zone
from mission_control.cli.views.task_view import rule_of
from mission_control.model.values.instants import parse_instant
from mission_control.model.values.names import Names

if TYPE_CHECKING:
    from mission_control.cli.terminal.tables import Cell
    from mission_control.installation.installation import Installation
    from mission_control.model.definitions.task import TaskDefinition
    from mission_control.model.policies.pause import PauseLayer
    from mission_control.operate.filters import Filter
    from mission_control.operate.redbeat_entries import RedBeatEntry
    from mission_control.operate.tasks import TaskSummary

_STYLES: Final = {"enabled": "", "quarantined": "red", "disabled": "dim", "completed": "dim"}


@click.command("list", epilog="Example: mission-control task list --queue reports --status paused")
@click.option("--all", "is_all", is_flag=True, help="Show disabled tasks too.")
@task_filters
@watchable
@parameters.as_json
@parameters.reveal
def list_tasks(is_all: bool, wanted: Filter, as_json: bool, reveal: bool) -> None:
    """List the enabled tasks, or all, and RedBeat entries. --json prints the definitions of tasks.

    With --status, all tasks that have it are listed.
    """
    is_all = is_all or bool(wanted.query.about("state", is_negated=None))
    with current() as installation:
        if as_json:
            _print_json(installation, wanted, is_all=is_all, reveal=reveal)
        else:
            _print_table(installation, wanted, is_all=is_all)
        if wanted and not wanted.taken:
            tell(wanted.none_found())


def _print_json(installation: Installation, wanted: Filter, *, is_all: bool, reveal: bool) -> None:
    from mission_control.operate.selected_tasks import selected_tasks
    from mission_control.operate.task_issues import tasks_with_issues

    pauses = installation.pauses.read().in_force(installation.clock())
    tasks = selected_tasks(installation.registry, wanted, pauses, enabled_only=not is_all)
    found = tasks_with_issues(installation.client, (shown for shown, _ in tasks))
    data_dir = installation.settings.data_dir
    echo_json_array(shown_definitions([one], data_dir, reveal=reveal)[0] for one in found)


def _print_table(installation: Installation, wanted: Filter, *, is_all: bool) -> None:
    from mission_control.operate.redbeat_entries import redbeat_entries
    from mission_control.operate.selected_tasks import selected_tasks
    from mission_control.operate.task_issues import issues_of_work
    from mission_control.operate.tasks import summary_of

    registry, now, work = installation.registry, installation.clock(), _Seen()
    pauses = installation.pauses.read().in_force(now)
    entries = [] if wanted else redbeat_entries(installation.client, installation.redbeat_keys)

    def rows() -> Iterator[Sequence[Cell]]:
        for shown, task in selected_tasks(registry, wanted, pauses, enabled_only=not is_all):
            work.add(task)
            yield _listed(summary_of(shown, task), now, pauses)
        yield from (_listed_entry(one, now) for one in entries if one.enabled or is_all)

    echo(table(*_columns(ShortNames(registry.ids)), rows=rows()))
    hidden = len(registry.ids()) - work.count
    if hidden > 0 and not is_all and not wanted:
        tell(f"{hidden} disabled; show them with --all")
    tell_issues(issues_of_work(installation.client, work.work))


class _Seen:
    """What the listed tasks need of workers."""

    def __init__(self) -> None:
        self.count = 0
        self.work = defaultdict[tuple[str, str], Names](Names)

    def add(self, task: TaskDefinition | None) -> None:
        self.count += 1
        if task is not None and task.enabled:
            self.work[task.queue, task.handler].add(task.id)


def _columns(names: ShortNames) -> tuple[Column, ...]:
    return (
        Column("task", Worth.KEY, names=names),
        Column("schedule", Worth.HIGH, least=14),
        Column("next run", Worth.KEY),
        Column(f"({own_zone().key})", Worth.HIGH),
        Column("ok", Worth.LOW, right=True),
        Column("failed", Worth.USUAL, right=True),
        *(Column(name, Worth.WIDE) for name in ("last run", "queue", "handler", "owner", "tags")),
    )


def _listed(one: TaskSummary, now: datetime, pauses: Sequence[PauseLayer]) -> tuple[Cell, ...]:
    failed = Text(str(one.failures), style="red") if one.failures else "0"
    schedule = "unreadable" if one.task is None else rule_of(one.task)
    last = "" if one.last_run is None else local_time(parse_instant(one.last_run), own_zone())
    task = one.task
    more = ("",) * 4 if task is None else (task.queue, task.handler, task.owner, ", ".join(task.tags))
    return (one.task_id, schedule, *_next_run(one, now, pauses), str(one.successes), failed, last, *more)


def _listed_entry(one: RedBeatEntry, now: datetime) -> tuple[Cell, ...]:
    schedule = f"RedBeat entry, {one.schedule}: sends {one.sends}"
    when = (
        (local_time(one.due, own_zone()), in_how_long(one.due, now))
        if one.enabled
        else (Text("disabled", "dim"), "")
    )
    return (one.name, schedule, *when, *("",) * 7)


def _next_run(one: TaskSummary, now: datetime, pauses: Sequence[PauseLayer]) -> tuple[Cell, str]:
    from mission_control.operate.selected_tasks import holding_layers

    if one.state != "enabled" or one.next_run is None:
        hint = "see status" if one.state == "quarantined" else ""
        style = _STYLES[one.state]
        return Text(one.state, style) if style else one.state, hint
    holding = holding_layers(one.task, one.next_run, pauses)
    if holding:
        ends = [layer.until for layer in holding]
        resumed_at = None if None in ends else max(filter(None, ends))
        hint = "until it is resumed" if resumed_at is None else f"resumes {in_how_long(resumed_at, now)}"
        return Text("paused", style="yellow"), hint
    return local_time(one.next_run, own_zone()), in_how_long(one.next_run, now)
