"""A run in words."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from mission_control.cli.terminal.output import as_text
from mission_control.cli.terminal.wording import local_time, span_ms

if TYPE_CHECKING:
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
COLUMNS: Final = ("scheduled", "late", "attempts", "outcome", "took", "output")


def run_row(run: RunRecord, zone: tzinfo) -> tuple[str | Text, ...]:
    """Return the cells of a run in a table of `COLUMNS`."""
    from mission_control.operate.runs import lateness_ms

    return (
        local_time(run.scheduled_time, zone),
        span_ms(lateness_ms(run)) if run.attempt == 1 else "",  # a retry is late by its delay
        str(run.attempt) if run.attempt else "",
        outcome(run.state),
        span_ms(run.duration_ms),
        result_text(run.output, run.error, run.reason),
    )


def outcome(status: str) -> Text:
    """Return a status in its colour."""
    return Text(status.replace("_", " "), style=STYLES.get(status, ""))


def result_text(output: Any, error: Any, reason: str | None) -> str:  # noqa: ANN401  # JSON values
    """Return what to show of a run's result: its error, else its reason, else its output.

    An output that has a `summary` is shown by that alone. Secrets in it are masked.
    """
    from mission_control.audit.record.masked_values import masked_value

    shown = output["summary"] if isinstance(output, dict) and "summary" in output else output
    found = next((value for value in (error, reason, shown) if value is not None), None)
    return as_text(masked_value(found))
