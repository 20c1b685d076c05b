"""Audit records as a table, and as live lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.text import Text

from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import as_text, console, printable, table
from mission_control.cli.terminal.wording import local_time
from mission_control.cli.views.run_view import STYLES, outcome, result_text
from mission_control.model.values.instants import parse_instant
from mission_control.model.values.quantities import span_ms
from mission_control.model.values.zones import zone

if TYPE_CHECKING:
    from mission_control.cli.terminal.tables import Table

_COLUMNS = (
    Column("task", Worth.KEY, least=12),
    Column("status", Worth.KEY),
    Column("attempt", Worth.LOW, right=True),
    Column("late", right=True),
    Column("took", Worth.LOW, right=True),
    Column("output", Worth.KEY, least=24),
    Column("run", Worth.WIDE),
    Column("worker", Worth.WIDE),
)
_SIGNS = {"success": "✓", "retry": "↻", "skipped": "-", "missed": "-"}


def record_table(records: Iterable[dict[str, Any]], timezone: str) -> Table:
    """Return audit records as a table, times in `timezone`."""
    rows = (
        (
            _ended(one, timezone),
            printable(str(one.get("task_id"))),
            outcome(str(one.get("status")), is_late=bool(one.get("late"))),
            as_text(one.get("attempt")),
            span_ms(one.get("lateness_ms")),
            span_ms(one.get("duration_ms")),
            result_text(one.get("output"), one.get("error"), one.get("reason")),
            as_text(one.get("execution_id")),
            as_text(one.get("worker")),
        )
        for one in records
    )
    return table(Column(f"ended ({timezone})", Worth.HIGH), *_COLUMNS, rows=rows)


class LiveLines:
    """Audit records as lines, one below the other, with aligned task names."""

    def __init__(self, timezone: str) -> None:
        self._timezone = timezone
        self._width = 16
        self._longest = 40 if console().is_terminal else None

    def line(self, record: dict[str, Any]) -> Text:
        """Return one record as a line."""
        status, task_id = (
            str(record.get("status")),
            printable(str(record.get("task_id")), limit=self._longest),
        )
        self._width = max(self._width, len(task_id))
        style = STYLES.get(status, "")
        return Text.assemble(
            (_ended(record, self._timezone)[11:19], "dim"),
            " ",
            (f"{_SIGNS.get(status, '✗')} {status.replace('_', ' '):<8}", style),
            " ",
            (f"{task_id:<{self._width}}", "bold"),
            " ",
            (_facts(record), "dim"),
            result_text(record.get("output"), record.get("error"), record.get("reason")),
        )


def _facts(record: dict[str, Any]) -> str:
    attempt, late = record.get("attempt"), span_ms(record.get("lateness_ms"))
    when = f"{late} late" if late else ""
    if isinstance(attempt, int) and attempt > 1:
        when = f"attempt {attempt}"  # a retry is late by its delay
    took = span_ms(record.get("duration_ms"))
    return f"{when:<12} {f'took {took}' if took else '':<12} "


def _ended(record: dict[str, Any], timezone: str) -> str:
    try:
        return local_time(parse_instant(str(record.get("timestamp"))).replace(microsecond=0), zone(timezone))
    except ValueError:  # another program wrote the line
        return printable(str(record.get("timestamp")), limit=19)
