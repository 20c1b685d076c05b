"""Events as they happen, as `text/event-stream`."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from mission_control.installation.installation import Installation
from mission_control.web.access.caller import Caller
from mission_control.web.access.needs import needs, tasks_of
from mission_control.web.events.broadcast import AS_THEY_COME, Broadcast
from mission_control.web.events.event_log import Event
from mission_control.web.problems import RequestError
from mission_control.web.strict_bodies import StrictRoute

router = APIRouter(tags=["events"], route_class=StrictRoute)
_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}


@router.get(
    "/events", response_class=StreamingResponse, responses=_STREAM, dependencies=[needs("read", of="some")]
)
async def events(
    request: Request,
    after: Annotated[
        int | None, Header(alias="Last-Event-ID", ge=0, description="The last event that was seen.")
    ] = None,
) -> StreamingResponse:
    """Send events: `run`, `task`, `pauses`, `limit`, `budget`, `grant`, `trouble` and `well` of Redis, `gap`.

    A `run` was sent, started or ended; the next five were changed: `change` says how, `who` by whom.
    A `gap` says that events are missing: read the present state. Each event has a number as its id.
    Callers who are limited to some tasks get the events of these, and gaps.
    """
    broadcast: Broadcast = request.app.state.broadcast
    if broadcast.is_full:
        raise RequestError(
            503, "too_many_listeners", "as many listen as this server can serve; try again later"
        )
    caller: Caller = request.state.caller
    shown = EventsOfSome(request.app.state.installation, caller).of if caller.is_limited else None
    return StreamingResponse(
        broadcast.listen(after, shown), media_type="text/event-stream", headers=AS_THEY_COME
    )


class EventsOfSome:
    """What a caller who is limited to some tasks may see. A task is looked up once, and after each edit."""

    def __init__(self, installation: Installation, caller: Caller) -> None:
        self._installation, self._caller = installation, caller
        self._theirs: dict[str, bool] = {}

    def of(self, events: Sequence[Event]) -> list[Event]:
        """Return those of the caller's tasks, also the edit by which one is theirs no longer, and gaps."""
        found = [(one, str(json.loads(one.data).get("task_id", ""))) for one in events]
        asked = {name for one, name in found if one.kind == "task" or name not in self._theirs}
        before = {name: self._theirs.get(name, False) for name in asked}
        theirs = tasks_of(self._installation, self._caller, sorted(asked)) if asked else set()
        self._theirs.update((name, name in theirs) for name in asked)
        shown = list[Event]()
        for one, name in found:
            if one.kind == "gap" or self._theirs[name] or before.get(name, False):
                shown.append(one)
            if one.kind == "task":
                before[name] = self._theirs[name]
        return shown
