"""All routes under `/api/v1`."""

from fastapi import APIRouter, Depends, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from mission_control.web.api import (
    bulk,
    events,
    grants,
    resources,
    runs,
    schedules,
    service,
    switching,
    tasks,
)
from mission_control.web.paths import unknown_name
from mission_control.web.problems import DECLARED, RequestError


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation: what it is about, and what it does."""
    return ".".join([*map(str, route.tags[:1]), route.name]).replace(" ", "_")


async def _known_query(request: Request) -> None:
    """Refuse a parameter of the query that the route does not have.

    Raises:
        RequestError: names it, and those there are.
    """
    names = _query_names(request)
    for name in request.query_params:
        if name not in names:
            raise RequestError(422, "invalid_request", unknown_name(name, names), f"query.{name[:100]}")


def _query_names(request: Request) -> list[str]:
    """Return the parameters of the query that a request may have, as the OpenAPI document says."""
    known: dict[str, list[str]] = request.app.state.query_names
    route = request.scope["route"]
    if (name := operation_id(route)) not in known:
        paths = get_openapi(title="", version="", routes=[route])["paths"].values()
        parameters = [one for path in paths for of in path.values() for one in of.get("parameters", ())]
        known[name] = [one["name"] for one in parameters if one["in"] == "query"]
    return known[name]


router = APIRouter(prefix="/api/v1", responses=DECLARED, dependencies=[Depends(_known_query)])
for _one in (tasks, runs, schedules, switching, bulk, events, grants, service, resources):
    router.include_router(_one.router)
