"""A run as JSON and as words."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mission_control.cli.output import as_text
from mission_control.cli.wording import duration, lateness, local_time

if TYPE_CHECKING:
    from datetime import tzinfo

    from rich.text import Text

    from mission_control.ledger import RunRecord

STYLES: Final = {
    "success": "green",
    "failure": "red",
    "timed_out": "red",
    "lost": "red",
    "worker_lost": "red",
    "rejected": "red",
    "retry": "yellow",
    "retrying": "yellow",
    "missed": "magenta",
    "skipped": "magenta",
    "expired": "magenta",
    "cancelled": "magenta",
    "running": "cyan",
    "dispatched": "cyan",
}
COLUMNS: Final = ("scheduled", "late", "attempts", "outcome", "took", "output")


def run_json(run: RunRecord) -> dict[str, Any]:
    """Return a run as a JSON object; instants are UTC, params are left out, for they may hold secrets."""
    from mission_control.definitions.instants import format_instant

    values = {
        one.name: getattr(run, one.name)
        for one in fields(run)
        if one.name not in {"params", "is_fixed_delay"}
    }
    shown = {name: format_instant(one) if isinstance(one, datetime) else one for name, one in values.items()}
    return {**shown, "lateness_ms": lateness_ms(run)}


def lateness_ms(run: RunRecord) -> int | None:
    """Return how long after its time a run's last attempt started; None before it did."""
    if run.started_at is None:
        return None
    return round((run.started_at - run.scheduled_time).total_seconds() * 1_000)


def run_row(run: RunRecord, zone: tzinfo) -> tuple[str | Text, ...]:
    """Return the cells of a run in a table of `COLUMNS`."""
    from datetime import timedelta

    took = "" if run.duration_ms is None else duration(timedelta(milliseconds=run.duration_ms))
    return (
        local_time(run.scheduled_time, zone),
        lateness(lateness_ms(run)) if run.attempt == 1 else "",  # how late a retry is says nothing
        str(run.attempt) if run.attempt else "",
        outcome(run.state),
        took,
        said(run.output, run.error, run.reason),
    )


def outcome(status: str) -> Text:
    """Return a status in its colour."""
    from rich.text import Text

    return Text(status.replace("_", " "), style=STYLES.get(status, ""))


def said(output: Any, error: Any, reason: str | None) -> str:  # noqa: ANN401  # JSON values
    """Return the one thing to show of what came of a run: why it failed, else what it gave.

    Of an output with a `summary` that is enough.
    """
    shown = output["summary"] if isinstance(output, dict) and "summary" in output else output
    return next((as_text(value) for value in (error, reason, shown) if value is not None), "")
