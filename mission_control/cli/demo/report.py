"""What a demo shows at its end: the runs, and the next due times."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from rich.table import Table

from mission_control.cli.terminal.output import table
from mission_control.cli.terminal.wording import in_how_long
from mission_control.cli.views.run_view import COLUMNS, run_row
from mission_control.ledger.run_reader import RunReader
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.values.zones import zone

_RUNS_SHOWN = 50
_DUE_SHOWN = 5
_DUE_OF_ONE_TASK = 4


def runs_table(ledger: RunReader, timezone: str) -> Table:
    """Return the runs that have ended, in the order of their due times."""
    runs = sorted(ledger.last_finished(limit=_RUNS_SHOWN), key=lambda one: one.scheduled_time)
    rows = [(run.task_id, *run_row(run, zone(timezone))) for run in runs]
    return table("task", *COLUMNS, rows=rows, right=("late", "attempts", "took"))


def due_table(tasks: Iterable[TaskDefinition], now: datetime) -> Table:
    """Return the next due times in words, in order."""
    rows = [
        (
            in_how_long(due, now),
            f"{due.astimezone(task.schedule.zone):%A %H:%M:%S}",
            task.id,
            task.schedule.describe(),
        )
        for task, due in next_dues(list(tasks), now)
    ]
    return table("", "", "", "", rows=rows, header=False)


def next_dues(tasks: list[TaskDefinition], now: datetime) -> list[tuple[TaskDefinition, datetime]]:
    """Return five due times after `now`, in order; each task's next one is among them."""
    upcoming = [
        [(task, due) for due in islice(task.schedule.occurrences(now), _DUE_OF_ONE_TASK)]
        for task in tasks
        if task.enabled
    ]
    first = [times[0] for times in upcoming if times]
    further = sorted((one for times in upcoming for one in times[1:]), key=lambda one: one[1])
    return sorted([*first, *further][:_DUE_SHOWN], key=lambda one: one[1])
