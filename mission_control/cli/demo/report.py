"""What a demo shows at its end: the runs, and the next due times."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from rich.table import Table
from rich.text import Text

from mission_control.cli.terminal.output import table
from mission_control.cli.terminal.wording import in_how_long, local_time, span_ms
from mission_control.cli.views.run_view import outcome, result_text
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.values.instants import parse_instant
from mission_control.model.values.zones import zone

_DUE_SHOWN = 5
_DUE_OF_ONE_TASK = 4


def runs_table(records: Iterable[dict[str, Any]], timezone: str) -> Table:
    """Return the runs in the audit records, each once, in the order of their due times."""
    by_run = sorted(records, key=lambda one: (one["scheduled_time"], one["execution_id"], one["attempt"]))
    rows = [
        _row(list(attempts), timezone) for _, attempts in groupby(by_run, lambda one: one["execution_id"])
    ]
    columns = ("task", f"scheduled ({timezone})", "late", "attempts", "outcome", "output")
    return table(*columns, rows=rows, right=("late", "attempts"))


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


def _row(attempts: list[dict[str, Any]], timezone: str) -> tuple[str | Text, ...]:
    first, last = attempts[0], attempts[-1]
    return (
        last["task_id"],
        local_time(parse_instant(last["scheduled_time"]), zone(timezone))[11:],
        span_ms(first["lateness_ms"]),
        str(last["attempt"]),
        outcome(last["status"]),
        result_text(last["output"], last["error"], last["reason"]),
    )
