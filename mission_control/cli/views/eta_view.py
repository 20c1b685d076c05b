"""When runs are expected to start, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mission_control.cli.terminal.wording import in_how_long, labelled_time, local_time

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from mission_control.operate.simulation.forecast import Estimate


def eta_json(found: Mapping[str, Estimate | None]) -> dict[str, Any]:
    """Return estimates by the ids of their runs as JSON; null for one that cannot be estimated."""
    return {name: None if one is None else one.to_json() for name, one in found.items()}


def eta_words(found: Estimate | None, now: datetime, here: ZoneInfo) -> str:
    """Return when a run is expected to start, as one phrase."""
    if found is None:
        return "its start cannot be estimated"
    most = "" if found.p90 is None else f", by {local_time(_whole(found.p90), here)} at 90 %"
    return f"expected to start {in_how_long(found.p50, now)}: {labelled_time(_whole(found.p50), here)}{most}"


def eta_cells(found: Estimate | None, here: ZoneInfo) -> tuple[str, str]:
    """Return the times by which a run starts in half of all cases, and in 90 %, as cells of a table."""
    times = (None, None) if found is None else (found.p50, found.p90)
    half, most = ("unknown" if at is None else local_time(_whole(at), here) for at in times)
    return half, most


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
