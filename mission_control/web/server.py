"""The application: all routes of an installation, behind what holds for every request."""

from functools import partial
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from ulid import ULID

from mission_control.installation.installation import Installation
from mission_control.web.access.identification import Identification
from mission_control.web.api.router import operation_id
from mission_control.web.api.router import router as rest
from mission_control.web.events.broadcast import Broadcast
from mission_control.web.events.event_log import EventLog
from mission_control.web.metrics import router as metrics
from mission_control.web.openapi import document
from mission_control.web.pages.router import router as pages
from mission_control.web.parts import Client
from mission_control.web.problems import answer_errors
from mission_control.web.protection import Protection

health = APIRouter(tags=["health"])
ROUTERS: Final = (health, metrics, rest, pages)
"""All routes, in the order in which they are asked; each says by `needs` what its caller must be permitted.
"""
_routes: Final = APIRouter(generate_unique_id_function=operation_id)
for _one in ROUTERS:  # once, not for each application: FastAPI prepares each route wherever it is included
    _routes.include_router(_one)


def create_app(installation: Installation, *, is_open: bool = True) -> FastAPI:
    """Return the application that serves an installation.

    If it `is_open`, callers without a token may do all: it must listen on a loopback address then.

    Routes that wait for Redis are `def`, so that each runs in a thread; every error is a problem+json.
    """
    app = FastAPI(
        title="Mission Control",
        version=version("mission-control"),
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    app.openapi = partial(document, app)  # type: ignore[method-assign]  # FastAPI's way to extend it
    app.state.installation, app.state.query_names = installation, {}
    name = str(ULID())
    app.state.broadcast = Broadcast(lambda: EventLog(installation.client, name), installation.redis_url)
    app.router.routes.extend(_routes.routes)
    answer_errors(app)
    app.add_middleware(GZipMiddleware, compresslevel=5)  # no answer has a secret next to what a caller sent
    app.add_middleware(Identification, installation=installation, is_open=is_open)
    app.add_middleware(Protection)
    return app


@health.get("/healthz")
async def healthz() -> dict[str, str]:
    """Say that the server answers."""
    return {"status": "ok"}


@health.get("/readyz")
def readyz(client: Client) -> dict[str, str]:
    """Say that Redis answers, too; 503 if not."""
    client.ping()
    return {"status": "ok"}
