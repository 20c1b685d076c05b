"""A run as a JSON object."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mission_control.model.values.instants import format_instant

if TYPE_CHECKING:
    from mission_control.model.runs.run_record import RunRecord


def run_json(run: RunRecord) -> dict[str, Any]:
    """Return a run as a JSON object; instants are UTC, params are left out, for they may hold secrets."""
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
