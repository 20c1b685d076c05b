"""The occurrences of a task that an operator may still change, and to what."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from mission_control.errors import InvalidTaskError, Problem, UnknownOccurrenceError
from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.schedules.clock.wall_clock import last_instant, only_instant
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.pause import pausing_layers
from mission_control.model.runs.changed_occurrence import ChangedOccurrence, has_occurrence
from mission_control.model.values.instants import format_instant, from_unix
from mission_control.operate.next_times import DueTime, upcoming
from mission_control.registry.pauses import PausesSeen

_SECOND: Final = timedelta(seconds=1)
_LOOKED_AT: Final = 1_000


@dataclass(frozen=True)
class OccurrencesToCome:
    """A task and its occurrences to come, as they were seen."""

    task: TaskDefinition
    pauses: PausesSeen
    due: float | None
    now: datetime

    @property
    def changed(self) -> list[ChangedOccurrence]:
        """The occurrences that were changed and are yet to come, the soonest first."""
        return self.pauses.changed_of(self.task.id)

    def instant(self, moment: datetime, option: str) -> datetime:
        """Return a moment, of which a naive one is local time in the schedule's zone."""
        try:
            return only_instant(moment, self.task.schedule.zone)
        except ValueError as error:
            raise wrong(option, str(error)) from error

    def is_open(self, moment: datetime) -> bool:
        """Whether what is due at `moment` by the schedule has not been fired yet."""
        if any(
            one.is_over and one.at == moment for one in self.pauses.changed_of(self.task.id, also_over=True)
        ):
            return False  # it ran before
        if self.due is None:
            return moment > self.now
        return moment + spread_of(self.task) >= from_unix(self.due)

    def to_come(self) -> Iterator[DueTime]:
        """Yield the occurrences that have not been fired yet, changed ones included."""
        first = self.now if self.due is None else from_unix(self.due) - spread_of(self.task)
        if self.task.schedule.is_fixed_delay:
            own = {one.at: one for one in self.changed}
            return iter([] if self.due is None else [DueTime(first, own.get(first))])
        changed = self.pauses.changed_of(self.task.id, also_over=True)
        return upcoming(self.task.schedule, first - datetime.resolution, changed=changed)


def change_at(view: OccurrencesToCome, at: datetime | None) -> ChangedOccurrence:
    """Return the change of an occurrence, named by its own or its new time; the next if `at` is None.

    Raises:
        UnknownOccurrenceError: there is none; names those there are.
    """
    moment = None if at is None else view.instant(at, "--at")
    found = next((one for one in view.changed if moment is None or moment in {one.at, one.to}), None)
    if found is None:
        changed = ", ".join(format_instant(one.at) for one in view.changed)
        others = f"changed are those at {changed}" if changed else "none is"
        which = "no occurrence" if moment is None else f"no occurrence at {format_instant(moment)}"
        raise UnknownOccurrenceError(f"{which} of {view.task.id!r} is skipped or moved; {others}")
    return found


def problem_of_target(  # noqa: PLR0911  # one answer for each thing that can be wrong
    view: OccurrencesToCome, own: datetime, to: datetime
) -> str | None:
    """Return why an occurrence cannot be moved to a time, and what would be right; None if it can."""
    schedule = view.task.schedule
    if schedule.is_fixed_delay:
        return (
            "cannot be given: the times of a fixed delay follow from the ends of runs; skip it, or use"
            " `mission-control task run`"
        )
    if to <= view.now:
        return f"is not in the future; it is {format_instant(view.now)}"
    if to == own:
        return "is its own time; unskip it to run it then"
    if schedule.end is not None and to > (last := last_instant(schedule.end, schedule.zone)):
        return f"is after the end of the schedule; the last time is {format_instant(last)}"
    taken = has_occurrence(schedule, to) or any(to == one.to and one.at != own for one in view.changed)
    if taken:
        free = _free_after(view, to)
        nearest_free = "" if free is None else f"; the nearest free second is {format_instant(free)}"
        return f"is that of another occurrence of {view.task.id!r}{nearest_free}"
    due = to + spread_of(view.task)
    for layer in pausing_layers(view.pauses.in_force(view.now), view.task):
        if layer.holds(due):
            ends = (
                "resume it first"
                if layer.until is None
                else f"the earliest time is {format_instant(layer.until)}"
            )
            return f"is in a pause ({layer.name}); {ends}"
    return None


def _free_after(view: OccurrencesToCome, moment: datetime) -> datetime | None:
    taken = {one.to for one in view.changed}
    seconds = (moment + number * _SECOND for number in range(_LOOKED_AT))
    return next(
        (one for one in seconds if one not in taken and not has_occurrence(view.task.schedule, one)), None
    )


def nearest(view: OccurrencesToCome, moment: datetime) -> str:
    """Return in words which occurrences to come are next to a moment."""
    before = None
    for one in islice(view.to_come(), _LOOKED_AT):
        if one.scheduled_time > moment:
            near = [found for found in (before, one.scheduled_time) if found is not None]
            return f"the nearest to come: {' and '.join(map(format_instant, near))}"
        before = one.scheduled_time
    return "none is to come" if before is None else f"the nearest to come: {format_instant(before)}"


def wrong(option: str, message: str) -> InvalidTaskError:
    """Return the error for an option that cannot be used."""
    return InvalidTaskError([Problem(option, message)], subject="occurrence")
