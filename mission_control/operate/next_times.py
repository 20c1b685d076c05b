"""When a task, or a schedule that no task has yet, is due; also as an iCalendar (RFC 5545)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mission_control.errors import InvalidTaskError
from mission_control.files.calendar_file import read_calendar
from mission_control.model.definitions.condition import Condition
from mission_control.model.definitions.schedules import Schedule
from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.model.policies.condition import decide_condition, reason_of
from mission_control.model.policies.pause import PauseLayer, pausing_layers
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import format_instant
from mission_control.model.values.printable_text import escaped
from mission_control.registry.pauses import PausesSeen
from mission_control.registry.registry import Registry

if TYPE_CHECKING:
    from icalendar import Event

_PRODUCT = "-//Mission Control//EN"


@dataclass(frozen=True)
class DueTime:
    """An occurrence to come, with its change by hand if there is one."""

    scheduled_time: datetime
    change: ChangedOccurrence | None = None

    @property
    def due(self) -> datetime:
        """When it runs, or would run if nothing kept it from that."""
        return self.scheduled_time if self.change is None else self.change.due

    @property
    def is_skipped(self) -> bool:
        """Whether it was skipped by hand."""
        return self.change is not None and self.change.is_skipped


def upcoming(
    schedule: Schedule,
    start: datetime,
    end: datetime | None = None,
    changed: Sequence[ChangedOccurrence] = (),
) -> Iterator[DueTime]:
    """Yield the occurrences due after `start` up to and including `end`, in order.

    Those that were moved come at their new time. Those of `changed` that are over do not come.
    """
    own = {one.at: one for one in changed}
    moved = sorted(
        (one.to, one) for one in changed if one.to is not None and one.to > start and not one.is_over
    )
    there = (DueTime(one.at, one) for to, one in moved if end is None or to <= end)
    regular = (DueTime(moment, own.get(moment)) for moment in schedule.occurrences(start, end))
    here = (one for one in regular if one.due == one.scheduled_time)
    return merge(here, there, key=lambda one: one.due)


def bare_schedule(schedule: object, *, default_timezone: str = "UTC") -> Schedule:
    """Return a schedule given as JSON, or in words.

    Raises:
        InvalidTaskError: lists every problem.
    """
    whole = {"id": "schedule", "handler": "handlers.hello.run", "schedule": schedule}
    try:
        return parse_task(whole, default_timezone=default_timezone, read_text=read_calendar).schedule
    except InvalidTaskError as error:
        raise InvalidTaskError(error.problems, subject="--schedule") from error


def unmet_words(one: DueTime, schedule: Schedule, condition: Condition | None) -> str | None:
    """Return why the condition will skip an occurrence, as far as its time alone decides that."""
    if condition is None or not condition.is_foreseeable:
        return None
    answer = decide_condition(condition, one.due, one.due, schedule.zone)
    return None if answer.holds else reason_of(condition, answer)


def due_json(
    one: DueTime, schedule: Schedule, pauses: Iterable[PauseLayer] = (), condition: Condition | None = None
) -> dict[str, str]:
    """Return a due time as a JSON object: in UTC, as local time in the schedule's zone, and what skips it."""
    found = {
        "scheduled_time": format_instant(one.scheduled_time),
        "local": one.scheduled_time.astimezone(schedule.zone).isoformat(),
    }
    if one.change is not None and one.change.to is not None:
        found["moved_to"] = format_instant(one.change.to)
    if one.change is not None and one.is_skipped:
        found["skipped"] = one.change.words()
    unmet = unmet_words(one, schedule, condition)
    if unmet is not None:
        found["condition"] = unmet
    paused = next((layer.name for layer in pauses if layer.holds(one.due)), None)
    return found if paused is None else {**found, "paused": paused}


def clock_change(moment: datetime, zone: ZoneInfo) -> str | None:
    """Return how the clocks of a zone have changed in the day before a moment; None if they have not.

    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> clock_change(datetime(2026, 3, 29, 9, tzinfo=berlin), berlin)
    'the clocks of Europe/Berlin have gone forward by 1:00:00 in the day before'
    """
    before, after = ((moment - one).astimezone(zone) for one in (timedelta(days=1), timedelta()))
    change = (after.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
    way = "forward" if change > timedelta() else "back"
    return f"the clocks of {zone.key} have gone {way} by {abs(change)} in the day before" if change else None


def changed_to_come(registry: Registry, pauses: PausesSeen) -> list[tuple[ChangedOccurrence, bool]]:
    """Return the changed occurrences to come, the soonest first, and whether the schedule lacks each."""
    found = sorted((one for one in pauses.changed if not one.is_over), key=lambda one: one.due)
    tasks = {task_id: registry.definition(task_id) for task_id in {one.task_id for one in found}}
    return [(one, (task := tasks[one.task_id]) is None or one.is_void(task.schedule)) for one in found]


def changed_json(change: ChangedOccurrence, *, is_void: bool) -> dict[str, Any]:
    """Return a changed occurrence as a JSON object."""
    return {
        "execution_id": change.execution_id,
        "skipped": change.is_skipped,
        "moved_to": None if change.to is None else format_instant(change.to),
        "void": is_void,
        "who": change.who,
        "reason": change.reason,
    }


def occurrence_calendar(
    tasks: Iterable[TaskDefinition],
    pauses: PausesSeen,
    times: Callable[[TaskDefinition, Sequence[ChangedOccurrence]], Iterable[DueTime]],
    now: datetime,
) -> str:
    """Return the occurrences that `times` gives of some tasks, each an event without a duration.

    The id of an event is that of its run, so a calendar that is imported again replaces it. A moved
    occurrence stands at its new time. One that was skipped by hand, or that a condition will skip, is
    cancelled; one that falls into a pause is tentative. The description of the event says why.
    """
    from icalendar import Calendar

    calendar: Any = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    for task in tasks:
        layers = pausing_layers(pauses.in_force(now), task)
        for one in times(task, pauses.changed_of(task.id)):
            calendar.add_component(_event(task, one, layers, now))
    return str(calendar.to_ical().decode())


def _event(task: TaskDefinition, one: DueTime, layers: Sequence[PauseLayer], now: datetime) -> "Event":
    from icalendar import Event

    unmet = unmet_words(one, task.schedule, task.condition)
    paused = next((layer for layer in layers if layer.holds(one.due)), None)
    is_off = one.is_skipped or unmet is not None
    status = "CANCELLED" if is_off else "CONFIRMED" if paused is None else "TENTATIVE"
    notes = [task.description, f"{task.id}, {task.handler}", *_notes(one, unmet, paused)]
    event: Any = Event()
    event.add("uid", occurrence_execution_id(task.id, one.scheduled_time))
    event.add("dtstamp", now)
    event.add("dtstart", one.due)
    event.add("summary", escaped(task.name))
    event.add("description", escaped("\n".join(filter(None, notes)), but="\n"))
    event.add("status", status)
    event.add("transp", "TRANSPARENT")
    return event  # type: ignore[no-any-return]


def _notes(one: DueTime, unmet: str | None, paused: PauseLayer | None) -> Iterator[str]:
    if one.change is not None:
        own = "" if one.change.to is None else f"{format_instant(one.scheduled_time)} "
        yield f"{own}{one.change.words()}"
    if unmet is not None:
        yield unmet
    if paused is not None:
        yield paused.words()
