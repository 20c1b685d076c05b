"""APScheduler's jobs, as `scheduler.export_jobs(file)` of APScheduler 3.11 writes them.

Times and the fields of cron triggers are pickles in that file, which are read, and never unpickled.
"""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from mission_control.errors import TaskFileError
from mission_control.operate.importing.apscheduler_source import job_fields
from mission_control.operate.importing.imported import Entry, UnmappableError
from mission_control.operate.importing.pickled_values import pickled_value
from mission_control.operate.importing.python_source import Called

_CLASS, _STATE, _PICKLE = (f"__apscheduler_{one}__" for one in ("class", "state", "pickle"))
_LEFT_OUT: Final = {"version", "func", "next_run_time"}


def exported_entries(text: str, source: str) -> Iterator[Entry]:
    """Yield the jobs of an export.

    Raises:
        TaskFileError: it is none.
    """
    try:
        jobs = [dict(one) for one in json.loads(text)["jobs"]]
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise TaskFileError(f"{source}: is no file of APScheduler's export_jobs") from error
    for at, job in enumerate(jobs, start=1):
        where, calls = f"job {at}", str(job.get("func")).replace(":", ".")
        name = str(job.get("id", calls))
        try:
            yield Entry(where, name, calls, _fields(job))
        except UnmappableError as error:
            yield Entry(where, name, unmappable=str(error))
        except (ValueError, TypeError, LookupError):
            yield Entry(where, name, unmappable="is damaged")


def _fields(job: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: _value(one) for name, one in job.items() if name not in _LEFT_OUT}
    trigger = given.pop("trigger")
    if trigger.name == "OrTrigger":
        kinds = [
            _trigger(Called(path.rpartition(":")[2], [], state)) for path, state in trigger.kwargs["triggers"]
        ]
        parts = [job_fields({**given, **one})["schedule"] for one in kinds]
        found = {**job_fields({**given, **kinds[0]}), "schedule": {"type": "any", "schedules": parts}}
    else:
        found = job_fields({**given, **_trigger(trigger)})
    is_paused = job.get("next_run_time") is None
    return {**found, **({"enabled": False} if is_paused else {})}


def _trigger(trigger: Called) -> dict[str, Any]:
    """Return a trigger with its arguments, as a program would give them."""
    state = {
        name: _value(one) for name, one in trigger.kwargs.items() if one is not None and name != "version"
    }
    kind = trigger.name.removesuffix("Trigger").lower()
    if "interval" in state and isinstance(state["interval"], timedelta):
        state["seconds"] = state.pop("interval").total_seconds()
    for one in state.pop("fields", []):
        state[one.kwargs["name"]] = ",".join(map(_expression, one.kwargs["expressions"]))
    return {"trigger": kind, **{name: _plain(one) for name, one in state.items()}}


def _expression(one: Called) -> str:
    """Return a part of a field of a cron trigger as it would be written."""
    known = one.kwargs
    match one.name, known.get("step"):
        case "AllExpression", step:
            return "*" if step is None else f"*/{step}"
        case "LastDayOfMonthExpression", None:
            return "last"
        case (("RangeExpression" | "WeekdayRangeExpression" | "MonthRangeExpression"), step):
            first, last = known["first"], known.get("last")
            span = f"{first}" if last == first else f"{first}-{last}"
            return span if step is None else f"{span}/{step}"
    raise UnmappableError("is on a weekday of the month; write a monthly schedule")


def _value(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(value, list):
        return [*map(_value, value)]
    if not isinstance(value, dict):
        return value
    if _PICKLE in value:
        return pickled_value(b64decode(value[_PICKLE]))
    if _CLASS in value:
        return Called(value[_CLASS].rpartition(":")[2], [], value[_STATE])
    return {name: _value(one) for name, one in value.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, datetime):
        return value.isoformat()
    zone = getattr(value, "key", None)
    if zone is not None:
        return zone
    return str(value) if hasattr(value, "utcoffset") else value
