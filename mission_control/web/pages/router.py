"""All pages: each by its address, its live part as events, and the files that they load."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from anyio.to_thread import run_sync
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response, StreamingResponse

from mission_control.dispatch.run_control import existing_run
from mission_control.errors import GrantRefusedError, MissionControlError, UnknownTaskError
from mission_control.installation.installation import Installation
from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.zones import zone
from mission_control.store.connection import connect, store_errors
from mission_control.web.access.caller import Caller
from mission_control.web.access.needs import needs, recorded
from mission_control.web.events.broadcast import AS_THEY_COME
from mission_control.web.pages.actions import ACTIONS, OF_TASKS, Action, Done
from mission_control.web.pages.live import LivePages
from mission_control.web.pages.rendering import band, fragment, live_part, page
from mission_control.web.pages.signals import signal_of
from mission_control.web.pages.views.editor import preview_of
from mission_control.web.pages.views.run import capsule_of
from mission_control.web.pages.views.table import VIEWS
from mission_control.web.pages.visit import View, Visit, visit_of
from mission_control.web.paths import routed

router = APIRouter(include_in_schema=False)
_READS: Final = needs("read", of="some")

Key = tuple[str, str, str, Caller | None]
"""A page that is live: its path, its query, the time zone in which it is shown, and to whom if not to all."""

_YEAR: Final = 31_536_000
_STATIC: Final = files("mission_control.web.pages").joinpath("static")
_FILES: Final = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "vendor/htmx-4.min.js": "text/javascript",
    "vendor/hx-sse-4.min.js": "text/javascript",
}


def live_pages(request: Request) -> LivePages[Key]:
    """Return what keeps the pages of this server live; it is made when it is first asked for."""
    state = request.app.state
    if not hasattr(state, "live_pages"):
        installation: Installation = state.installation
        client = connect(installation.redis_url, read_seconds=1.5)
        look = partial(signal_of, client, installation.redis_url)
        state.live_pages = LivePages[Key](partial(_rendered, installation), look, band)
    found: LivePages[Key] = state.live_pages
    return found


def _rendered(installation: Installation, key: Key) -> str:
    view, visit = _visited(installation, *key)
    return live_part(view, visit)[1]


def _visited(
    installation: Installation, path: str, query: str, zone_name: str, caller: Caller | None
) -> tuple[View, Visit]:
    """Return the page that a path names, and the visit to it.

    Raises:
        HTTPException: there is no such page.
    """
    for view in VIEWS:
        if (found := view.matches(routed(path))) is not None:
            asked = dict(parse_qsl(query))
            return view, Visit(installation, zone(zone_name), installation.clock(), found, asked, caller)
    raise HTTPException(404, f"there is no page {path[:80]}")


def _endpoint(view: View) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        visit = visit_of(request, request.app.state.installation)
        signal = await live_pages(request).signal()
        status, html = await run_sync(page, view, visit, signal, request.cookies)
        if status == HTTPStatus.FORBIDDEN:
            await run_sync(
                request.state.refusals.known, request.state.caller.name, "*", f"asked for {view.title}"
            )
        return HTMLResponse(html, status, {"Cache-Control": "no-store", "Vary": "Cookie"})

    return show


@router.get("/live", dependencies=[_READS])
async def live(request: Request, view: str) -> Response:
    """Send the live part of a page, whenever it has changed, as server-sent events."""
    parts, installation = urlsplit(_own_path(view)), request.app.state.installation
    visit = visit_of(request, installation)
    limited = visit.caller if visit.caller is not None and visit.caller.is_limited else None
    key = (parts.path, parts.query, visit.zone.key, limited)
    _visited(installation, *key)
    packs = "gzip" in request.headers.get("accept-encoding", "")
    headers = {**AS_THEY_COME, "Vary": "Accept-Encoding"}
    if packs:
        headers["Content-Encoding"] = "gzip"
    events: AsyncIterator[bytes] = live_pages(request).stream(key, packs=packs)
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


@router.get("/preview", dependencies=[needs("edit", of="some")])
def preview(request: Request) -> Response:
    """Say what a schedule means while it is typed, and when it is due next."""
    visit = visit_of(request, request.app.state.installation)
    return HTMLResponse(fragment("preview.html", visit, **preview_of(visit)))


@router.get("/runs/{execution_id:id}/capsule.json", dependencies=[needs("read")])
def capsule(request: Request, execution_id: str) -> Response:
    """Return all that is known of a run as one JSON file."""
    visit = visit_of(request, request.app.state.installation)
    with store_errors(visit.installation.redis_url):
        text = capsule_of(replace(visit, path={"execution_id": execution_id}))
    headers = {"Content-Disposition": 'attachment; filename="run.json"'}
    return Response(text, media_type="application/json", headers=headers)


@router.get("/static/{name:path}")
async def static(name: str, v: str = "") -> Response:
    """Return the style sheet or a script; with a version in its address it never changes."""
    path = _STATIC.joinpath(name)
    if name not in _FILES or not path.is_file():
        raise HTTPException(404, "there is no such file")
    kept = f"public, max-age={_YEAR}, immutable" if v else "no-cache"
    return FileResponse(str(path), media_type=_FILES[name], headers={"Cache-Control": kept})


@router.post("/do/{action}")
async def do(request: Request, action: str) -> Response:
    """Change something, and go on to a page that shows it. Trouble is shown on the page it came from."""
    if action not in ACTIONS:
        raise HTTPException(404, f"there is no action {action[:80]}")
    form = parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True)
    permission, act = ACTIONS[action]
    caller = request.state.caller
    with recorded(request, "*"):
        if not caller.may(permission) or (caller.is_limited and action not in OF_TASKS):
            raise GrantRefusedError(f"{caller.name} is not permitted to {permission} all tasks")
    visit = replace(visit_of(request, request.state.installation), query=dict(form))
    back = _own_path(visit.text("back", "/"))
    try:
        with recorded(request, visit.text("id", visit.text("task", "*"))):
            done = await run_sync(_carried_out, act, visit, [(name, one.strip()) for name, one in form])
    except MissionControlError as error:
        return await _refused(request, visit, back, error)
    if isinstance(done, str):
        return HTMLResponse(done)
    response = RedirectResponse(_own_path(done.to) if done.to else back, 303)
    for name, value, age in (*done.cookies, ("mc_said", done.said.encode().hex(), 6)):
        if value:
            response.set_cookie(name, value, max_age=age, samesite="lax")
    return response


def _carried_out(act: Action, visit: Visit, form: list[tuple[str, str]]) -> Done | str:
    with store_errors(visit.installation.redis_url):
        if visit.own is not None:
            runs = [
                existing_run(visit.installation.ledger, one) for name, one in form if name == "run" and one
            ]
            tasks = [one for name, one in form if name == "task" and one] + [run.task_id for run in runs]
            for one in itertools.filterfalse(visit.shows, tasks):
                raise UnknownTaskError(f"no task of yours has the id {quoted(one)}")
        return act(visit, form)


async def _refused(request: Request, visit: Visit, back: str, error: MissionControlError) -> Response:
    parts = urlsplit(back)
    view, at = _visited(visit.installation, parts.path, parts.query, visit.zone.key, visit.caller)
    at = replace(
        at, query={**at.query, **({"form": "1", **visit.query} if view.address.startswith("/editor") else {})}
    )
    signal = await live_pages(request).signal()
    status, html = await run_sync(partial(page, view, at, signal, request.cookies, trouble=error))
    return HTMLResponse(html, status)


def _own_path(text: str) -> str:
    """Return a path of this server; anything else, such as another site's address, becomes the first page."""
    return text if text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() else "/"


for _view in VIEWS:
    router.add_api_route(_view.route, _endpoint(_view), methods=["GET", "HEAD"], dependencies=[_READS])
