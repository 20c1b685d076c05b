"""A run in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import as_text
from mission_control.cli.terminal.wording import local_time
from mission_control.model.values.quantities import span_ms

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.model.runs.run_record import RunRecord

STYLES: Final = {
    "success": "green",
    "failure": "red",
    "timed_out": "red",
    "lost": "red",
    "worker_lost": "red",
    "rejected": "red",
    "retry": "yellow",
    "interrupted": "yellow",
    "retrying": "yellow",
    "missed": "magenta",
    "skipped": "magenta",
    "expired": "magenta",
    "cancelled": "magenta",
    "running": "cyan",
    "dispatched": "cyan",
}
VOID: Final = "; its schedule no longer has this occurrence"
_COLUMNS: Final = (
    Column("late", right=True),
    Column("attempts", Worth.LOW, right=True),
    Column("outcome", Worth.KEY),
    Column("took", Worth.LOW, right=True),
    Column("output", Worth.KEY, least=24),
    Column("run", Worth.WIDE),
    Column("worker", Worth.WIDE),
)


def run_columns(timezone: str) -> tuple[Column, ...]:
    """Return the columns of `run_row`."""
    return (Column(f"scheduled ({timezone})", Worth.KEY), *_COLUMNS)


def run_row(run: RunRecord, zone: ZoneInfo) -> tuple[str | Text, ...]:
    """Return the cells of a run in a table of `run_columns`."""
    from mission_control.operate.runs import lateness_ms

    return (
        local_time(run.scheduled_time, zone),
        span_ms(lateness_ms(run)) if run.attempt == 1 else "",  # a retry is late by its delay
        str(run.attempt) if run.attempt else "",
        outcome(run.state, is_late=bool(passed_deadlines(run))),
        span_ms(run.duration_ms),
        result_text(run.output, run.error, run.reason),
        run.execution_id,
        run.worker if run.worker is not None else "",
    )


def outcome(status: str, *, is_late: bool = False) -> Text:
    """Return a status in its colour, with a mark if the run has passed a deadline."""
    words = Text(status.replace("_", " "), style=STYLES.get(status, ""))
    return words.append(", late", "red") if is_late else words


def passed_deadlines(run: RunRecord) -> list[str]:
    """Return what a run has missed by its deadlines, in words."""
    if run.deadline is None:
        return []
    from mission_control.model.policies.deadlines import late, words

    return [words(name, run.deadline) for name in late(run)]


def result_text(output: Any, error: Any, reason: str | None) -> str:  # noqa: ANN401  # JSON values
    """Return what to show of a run's result: its error, else its reason, else its output.

    An output that has a `summary` is shown by that alone. Secrets in it are masked.
    """
    from mission_control.audit.record.masking import masked_value

    shown = output["summary"] if isinstance(output, dict) and "summary" in output else output
    found = next((value for value in (error, reason, shown) if value is not None), None)
    return as_text(masked_value(found))
