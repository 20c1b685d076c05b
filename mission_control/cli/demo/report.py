"""What a demo shows at its end: the runs, and the next due times."""

from collections.abc import Iterable
from datetime import datetime

from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import table
from mission_control.cli.terminal.tables import Table
from mission_control.cli.terminal.wording import in_how_long
from mission_control.cli.views.run_view import run_columns, run_row
from mission_control.ledger.run_reader import RunReader
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.values.zones import zone

_RUNS_SHOWN = 50
_DUE = (Column("", Worth.KEY), Column("", Worth.HIGH), Column("", Worth.KEY), Column("", least=10))


def runs_table(ledger: RunReader, timezone: str) -> Table:
    """Return the runs that have ended, in the order of their due times."""
    runs = sorted(ledger.last_finished(limit=_RUNS_SHOWN), key=lambda one: one.scheduled_time)
    rows = [(run.task_id, *run_row(run, zone(timezone))) for run in runs]
    return table(Column("task", Worth.KEY), *run_columns(timezone), rows=rows)


def due_table(tasks: Iterable[TaskDefinition], now: datetime) -> Table:
    """Return when each task is due next, in words."""
    upcoming = ((task, task.schedule.next_after(now)) for task in tasks)
    rows = [
        (
            in_how_long(due, now),
            f"{due.astimezone(task.schedule.zone):%A %T}",
            task.id,
            task.schedule.describe(),
        )
        for task, due in upcoming
        if due is not None
    ]
    return table(*_DUE, rows=rows)
