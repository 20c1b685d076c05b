"""Events as they happen, as `text/event-stream`."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from mission_control.web.access.needs import needs
from mission_control.web.events.broadcast import Broadcast
from mission_control.web.problems import RequestError

router = APIRouter(tags=["events"])
_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}


@router.get(
    "/events", response_class=StreamingResponse, responses=_STREAM, dependencies=[needs("read", of="all")]
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
    """
    broadcast: Broadcast = request.app.state.broadcast
    if broadcast.is_full:
        raise RequestError(
            503, "too_many_listeners", "as many listen as this server can serve; try again later"
        )
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(broadcast.listen(after), media_type="text/event-stream", headers=headers)
