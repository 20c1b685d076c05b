"""`mission-control audit query --sql` and `audit index`: the whole history in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import as_text, echo, echo_json_array, table, tell
from mission_control.model.values.instants import format_instant
from mission_control.model.values.quantities import counted

if TYPE_CHECKING:
    from mission_control.operate.history import History


def answer_sql(sql: str, limit: int | None, *, as_json: bool) -> None:
    """Print the rows of a SELECT from the view `records`."""
    with _history().answer(sql) as (names, rows):
        shown: Iterator[list[Any]] = ([_plain(one) for one in row] for row in islice(rows, limit))
        if as_json:
            echo_json_array(dict(zip(names, row, strict=True)) for row in shown)
        else:
            columns = [Column(name, Worth.KEY) for name in names]
            echo(table(*columns, rows=([as_text(one) for one in row] for row in shown)))


@click.command()
@click.option("--rebuild", is_flag=True, help="Make everything again, the hourly figures too.")
def index(rebuild: bool) -> None:
    """Make the history files of rotated audit files, which `audit query --sql` reads.

    Files whose source has another digest are made again. --rebuild counts the hourly figures again, too.
    """
    made = _history().build(rebuild=rebuild)
    tell(f"made {counted(len(made), 'history file')}")
    if rebuild:
        from mission_control.sweep.rolling_up import RollingUp

        with current() as installation:
            figures = RollingUp(installation.client, installation.audit.path, installation.clock)
            tell(f"counted {counted(figures.rebuild(), 'line')} again")


def _history() -> History:
    from mission_control.configuration.settings import read_settings
    from mission_control.operate.history import History

    settings = read_settings()
    return History(settings.task_execution_log, settings.data_dir / "history")


def _plain(value: object) -> Any:  # noqa: ANN401  # any JSON value
    """Return a value of a row as JSON has it."""
    if isinstance(value, datetime):
        return format_instant(value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return {str(name): _plain(one) for name, one in value.items()} if isinstance(value, dict) else str(value)
