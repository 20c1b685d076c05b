"""Which of its deadlines a run has passed, and when the next one is.

Both follow from the run alone: from when it was due, when its first attempt began, and when it ended. So its
record says the same whichever process writes it, and whether or not beat has noticed.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from mission_control.model.definitions.schedules.clock.calendar_words import parse_time
from mission_control.model.definitions.schedules.clock.wall_clock import LAST_INSTANT, Dst, following
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.quantities import duration
from mission_control.model.values.zones import zone

START_WITHIN: Final = "start_within"
FINISH_WITHIN: Final = "finish_within"
FINISH_BY: Final = "finish_by"
# What does not run has a record and events of its own.
_NOT_FIRED: Final = frozenset({RunState.SKIPPED, RunState.MISSED})
_DST: Final = Dst.model_construct()


def deadlines_of(deadline: Mapping[str, Any] | None, due: datetime) -> dict[str, datetime]:
    """Return the instants of the deadlines of a run that is due at `due`.

    `finish_by` is the next such time of day after `due`. If clocks change then, it is, as for a schedule,
    the instant just after a gap, or the first of two.

    >>> due = datetime.fromisoformat("2026-03-29T00:30Z")
    >>> found = deadlines_of({"finish_by": "02:30", "timezone": "Europe/Berlin"}, due)
    >>> found[FINISH_BY].isoformat()
    '2026-03-29T01:00:00+00:00'
    """
    if deadline is None:
        return {}
    spans = {name: deadline[name] for name in (START_WITHIN, FINISH_WITHIN) if name in deadline}
    found = {name: _later(due, seconds) for name, seconds in spans.items()}
    if FINISH_BY in deadline:
        found[FINISH_BY] = _next_time(due, deadline[FINISH_BY], deadline["timezone"])
    return found


def first_deadline(deadline: Mapping[str, Any] | None, due: datetime) -> float | None:
    """Return the earliest of these, in Unix seconds; None for none."""
    return min((at.timestamp() for at in deadlines_of(deadline, due).values()), default=None)


def late(run: RunRecord, now: datetime | None = None) -> list[str]:
    """Return the names of the deadlines that a run has passed, those included that beat has noted.

    With `now`, what the run has not reached by then counts too. A run that ends without a start has no
    deadline after its end. A skipped or missed occurrence is late only if it waited past a deadline first.
    """
    noted = run.late if run.late is not None else []
    if run.deadline is None or run.state in _NOT_FIRED:
        return noted
    over_at = run.finished_at if run.state.is_final else now
    started_at = run.first_started_at if run.first_started_at is not None else over_at
    reached_at = {START_WITHIN: started_at, FINISH_WITHIN: over_at, FINISH_BY: over_at}
    deadlines = deadlines_of(run.deadline, run.due_at)
    return [name for name, at in deadlines.items() if name in noted or _is_past(at, reached_at[name])]


def news(run: RunRecord, now: datetime) -> tuple[list[str], float | None]:
    """Return the deadlines that a run has passed and that are not noted yet, and when to look at it again.

    The latter in Unix seconds, None for never.
    """
    noted = run.late if run.late is not None else []
    instants = (at.timestamp() for at in deadlines_of(run.deadline, run.due_at).values())
    to_come = min((at for at in instants if at >= now.timestamp()), default=None)
    passed = [name for name in late(run, now) if name not in noted]
    return passed, None if run.state.is_final else to_come


def words(name: str, deadline: Mapping[str, Any]) -> str:
    """Return what a run has missed that passed one of its deadlines.

    >>> words("start_within", {"start_within": 300}), words("finish_by", {"finish_by": "08:00"})
    ('it did not start within 5 min', 'it did not finish by 08:00')
    """
    if name == FINISH_BY:
        return f"it did not finish by {deadline[FINISH_BY]}"
    verb = "start" if name == START_WITHIN else "finish"
    return f"it did not {verb} within {duration(timedelta(seconds=deadline[name]))}"


def _is_past(deadline: datetime, at: datetime | None) -> bool:
    return at is not None and at > deadline


def _later(due: datetime, seconds: float) -> datetime:
    try:
        return due + timedelta(seconds=seconds)
    except OverflowError:  # the calendar ends with the year 9999
        return LAST_INSTANT


def _next_time(due: datetime, text: str, zone_name: str) -> datetime:
    time = parse_time(text)

    def local_after(local: datetime) -> datetime:
        today = datetime.combine(local, time)
        return today if today > local else today + timedelta(days=1)

    try:
        found = following(due, zone(zone_name), _DST, local_after)
    except OverflowError:
        found = None
    return LAST_INSTANT if found is None else found.instant
