"""When tasks are due, and when a schedule would be that no task has yet."""

from datetime import datetime
from itertools import islice
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import Field

from mission_control.errors import GrantRefusedError
from mission_control.model.policies.grants import reaching_out
from mission_control.model.policies.pause import pausing_layers
from mission_control.model.values.fields import Line
from mission_control.operate.assembly import eta_of
from mission_control.operate.next_times import bare_schedule, clock_change, due_json, upcoming
from mission_control.operate.tasks import existing_task
from mission_control.web.access.needs import Calling, needs
from mission_control.web.api.bodies import Moment, Wish
from mission_control.web.parts import Whole
from mission_control.web.strict_bodies import StrictRoute

router = APIRouter(tags=["schedules"], route_class=StrictRoute)
_MOST = 100
_MOST_ESTIMATED = 10


@router.get("/tasks/{task_id:id}/next", dependencies=[needs("read")])
def next_of_task(
    task_id: str,
    whole: Whole,
    count: Annotated[int, Query(ge=1, le=_MOST)] = 10,
    after: Moment | None = None,
    eta: Annotated[bool, Query(description="When the first ten are expected to start, too.")] = False,
) -> dict[str, Any]:
    """List when a task is due next, what a pause, a condition or a person will skip, and clock changes."""
    task, now = existing_task(whole.registry, task_id), whole.clock()
    seen, rule = whole.pauses.read(), task.schedule
    pauses = pausing_layers(seen.in_force(now), task)
    changed = seen.changed_of(task.id, also_over=True)
    times = list(islice(upcoming(rule, now if after is None else after, changed=changed), count))
    due = {one.scheduled_time: one.due for one in times[:_MOST_ESTIMATED]} if eta else {}
    etas = eta_of(whole).of_occurrences(task, due, now) if due else {}
    found: list[dict[str, Any]] = []
    for one in times:
        expected = etas.get(one.scheduled_time)
        found.append({**due_json(one, rule, pauses, task.condition), **_notes(one.due, rule.zone)})
        found[-1] |= {"eta": None if expected is None else expected.to_json()} if eta else {}
    return {"schedule": rule.describe() if rule.has_occurrences else None, "items": found}


class Preview(Wish):
    """A schedule, as an object or in words."""

    schedule: dict[str, Any] | Annotated[str, Field(max_length=1_000)]
    timezone: Line | None = None
    count: int = Field(default=10, ge=1, le=_MOST)
    after: Moment | None = None


@router.post("/schedules/preview", dependencies=[needs("read", of="some")])
def preview(whole: Whole, caller: Calling, wish: Preview) -> dict[str, Any]:
    """Say what a schedule means in words, and when it is due next, without saving it."""
    if not caller.may("edit") and (reasons := list(reaching_out({"schedule": wish.schedule}))):
        raise GrantRefusedError("; ".join(reasons))
    zone = whole.settings.timezone if wish.timezone is None else wish.timezone
    rule = bare_schedule(wish.schedule, default_timezone=zone)
    start = whole.clock() if wish.after is None else wish.after
    found = [
        {**due_json(one, rule), **_notes(one.due, rule.zone)}
        for one in islice(upcoming(rule, start), wish.count)
    ]
    return {
        "schedule": rule.describe(),
        "definition": rule.model_dump(mode="json", exclude_none=True),
        "items": found,
    }


def _notes(moment: datetime, zone: ZoneInfo) -> dict[str, str]:
    note = clock_change(moment, zone)
    return {} if note is None else {"clocks": note}
