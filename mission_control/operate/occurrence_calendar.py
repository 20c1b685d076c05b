"""The occurrences to come as an iCalendar (RFC 5545), for calendar programs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.pause import PauseLayer
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import format_instant
from mission_control.model.values.printable_text import escaped
from mission_control.operate.next_times import DueTime, unmet_words
from mission_control.operate.pausing import pausing_layers
from mission_control.registry.pauses import PausesSeen

if TYPE_CHECKING:
    from icalendar import Event

_PRODUCT = "-//Mission Control//EN"


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
