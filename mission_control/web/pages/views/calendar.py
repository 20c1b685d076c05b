"""*Calendar*: a month of days, each by the worst outcome of its runs."""

from calendar import Calendar
from datetime import datetime, timedelta
from typing import Any

from mission_control.operate.day_outcomes import day_outcomes
from mission_control.web.pages.visit import Visit, wrong


def read(visit: Visit) -> dict[str, Any]:
    """Return the days of a month, of all tasks or one."""
    text = visit.text("month") or f"{visit.now.astimezone(visit.zone):%Y-%m}"
    try:
        first = datetime.strptime(text, "%Y-%m").replace(tzinfo=visit.zone)
        after = (first + timedelta(days=32)).replace(day=1)
        before = (first - timedelta(days=1)).replace(day=1)
    except (ValueError, OverflowError) as error:
        raise wrong("month", f"{text[:20]!r} is no month, such as 2026-03") from error
    task_id = visit.text("task")
    ours = visit.installation
    of: dict[str, Any] = {"task_id": task_id or None, "only": visit.own}
    found = day_outcomes(ours.client, ours.ledger, first, after, now=visit.now, **of)
    return {
        "first": first,
        "weeks": Calendar().monthdatescalendar(first.year, first.month),
        "found": found,
        "today": visit.now.astimezone(visit.zone).date(),
        "before": f"{before:%Y-%m}",
        "after": f"{after:%Y-%m}",
        "task_id": task_id,
    }
