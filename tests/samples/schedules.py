"""Schedules out of plain data, as a definition holds them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from mission_control.model.definitions.schedules import Schedule, ScheduleBase

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADAPTER: TypeAdapter[ScheduleBase] = TypeAdapter(Schedule)


def schedule(data: Mapping[str, Any], **context: Any) -> ScheduleBase:
    return _ADAPTER.validate_python(dict(data), context=context)


def written(one: ScheduleBase) -> Any:
    return _ADAPTER.dump_python(one, mode="json")


def faults(data: Mapping[str, Any], **context: Any) -> str:
    """Return every fault of `data`, a line each: its place and what is said about it."""
    try:
        schedule(data, **context)
    except ValidationError as error:
        lines = [(".".join(str(step) for step in one["loc"]), one["msg"]) for one in error.errors()]
        return "\n".join(f"{place}: {text.removeprefix('Value error, ')}" for place, text in lines)
    return ""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def upcoming(data: Mapping[str, Any], after: str, count: int) -> list[str]:
    """Return the next occurrences after a time in UTC, written as "MM-DD HH:MM" in UTC."""
    one, moment = schedule(data), utc(after)
    found: list[str] = []
    while len(found) < count:
        following = one.next_after(moment)
        if following is None:
            break
        moment = following
        found.append(moment.strftime("%m-%d %H:%M" + (":%S" if moment.second else "")))
    return found


def elapsed(data: Mapping[str, Any], until: str, count: int) -> list[str]:
    """Return the last occurrences before a time in UTC, in order, written as `upcoming` writes them."""
    one, moment = schedule(data), utc(until)
    found: list[str] = []
    while len(found) < count:
        previous = one.previous_before(moment)
        if previous is None:
            break
        moment = previous
        found.append(moment.strftime("%m-%d %H:%M" + (":%S" if moment.second else "")))
    return found[::-1]
