"""*Pressure*: how much is due in each ten minutes of the coming 24 hours."""

from datetime import timedelta
from typing import Any, Final

from mission_control.operate.pressure import pressure
from mission_control.web.pages.charts.heat_map import heat_map
from mission_control.web.pages.visit import Visit

_STEP: Final = timedelta(minutes=10)
_HOURS: Final = 24


def read(visit: Visit) -> dict[str, Any]:
    """Return the grid."""
    hour = (
        visit.now.astimezone(visit.zone)
        .replace(minute=0, second=0, microsecond=0)
        .astimezone(visit.now.tzinfo)
    )
    steps = _HOURS * (timedelta(hours=1) // _STEP)
    found = pressure(
        (one for one in visit.installation.registry.readable() if visit.shows(one.id)),
        hour,
        step=_STEP,
        steps=steps,
    )
    total = sum(found.counts)
    chart = heat_map(f"{total:,} occurrences in 24 hours", hour, _STEP, found.counts, visit.zone)
    busiest = max(range(steps), key=found.counts.__getitem__)
    return {"chart": chart, "found": found, "busiest": hour + busiest * _STEP, "most": found.counts[busiest]}
