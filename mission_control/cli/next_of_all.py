"""`mission-control next` without a task: which tasks are due next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from heapq import merge, nsmallest
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, ShortNames, Worth
from mission_control.cli.terminal.output import echo, echo_json_array, table, tell
from mission_control.cli.terminal.wording import in_how_long, local_time, own_zone
from mission_control.cli.views.next_view import Asked, notes
from mission_control.configuration.clock import utc_now

if TYPE_CHECKING:
    from mission_control.model.definitions.schedules import Schedule
    from mission_control.model.definitions.task import TaskDefinition
    from mission_control.operate.next_times import DueTime
    from mission_control.registry.pauses import PausesSeen

_COUNT: Final = 20


def show_all(
    start: datetime, between: tuple[datetime, datetime] | None, count: int | None, *, as_json: bool
) -> None:
    """Show the occurrences of all enabled tasks that are due first: `count` of them, or those of a time."""
    from mission_control.operate.next_times import due_json

    with current() as installation:
        seen, now, registry = installation.pauses.read(), installation.clock(), installation.registry
        every = (_asked(task, seen, now) for task in registry.readable() if task.enabled)
        first, last = (start, None) if between is None else between
        most = _COUNT if count is None and between is None else count
        asked = _soonest(every, first, last, most)
        found = islice(merge(*(_times(one, first, last) for one in asked), key=lambda one: one[1].due), most)
        if as_json:
            echo_json_array(
                {"task_id": of.task_id, **due_json(one, of.rule, of.pauses, of.condition)}
                for of, one in found
            )
            return
        here, times = own_zone(), list(found)
        rows = [
            (
                local_time(one.due, here),
                in_how_long(one.due, utc_now()),
                of.task_id,
                "; ".join(notes(one, here, of)),
            )
            for of, one in times
        ]
        task = Column("task", Worth.KEY, names=ShortNames(registry.ids))
        columns = (Column(here.key, Worth.KEY), Column(""), task, Column("", Worth.KEY, least=16))
        echo(table(*columns, rows=rows)) if rows else tell("no task is due then")


def _asked(task: TaskDefinition, seen: PausesSeen, now: datetime) -> Asked:
    from mission_control.model.policies.pause import pausing_layers

    pauses = pausing_layers(seen.in_force(now), task)
    changed = seen.changed_of(task.id, also_over=True)
    return Asked(task.schedule, pauses, changed, task.condition, task_id=task.id)


def _soonest(
    asked: Iterable[Asked], start: datetime, end: datetime | None, most: int | None
) -> Sequence[Asked]:
    """Return the tasks that are due then, at most `most` of them, those that are due first."""

    @lru_cache(maxsize=1_000)
    def first(rule: Schedule) -> DueTime | None:
        return next((one for _, one in _times(Asked(rule), start, end)), None)

    def due(one: Asked) -> datetime | None:
        found = next((one for _, one in _times(one, start, end)), None) if one.changed else first(one.rule)
        return None if found is None else found.due

    found = ((moment, one) for one in asked if (moment := due(one)) is not None)
    return [one for _, one in (nsmallest(most, found, key=itemgetter(0)) if most is not None else found)]


def _times(asked: Asked, start: datetime, end: datetime | None) -> Iterator[tuple[Asked, DueTime]]:
    from mission_control.operate.next_times import upcoming

    return ((asked, one) for one in upcoming(asked.rule, start, end, asked.changed))
