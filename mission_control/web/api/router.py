"""All routes under `/api/v1`."""

from fastapi import APIRouter, Depends, FastAPI, Request
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
    return ".".join([*map(str, route.tags[:1]), route.name])


async def _known_query(request: Request) -> None:
    """Refuse a parameter of the query that the route does not have.

    Raises:
        RequestError: names it, and those there are.
    """
    names = _query_names(request.app)[operation_id(request.scope["route"])]
    for name in request.query_params:
        if name not in names:
            raise RequestError(422, "invalid_request", unknown_name(name, names), f"query.{name[:100]}")


def _query_names(app: FastAPI) -> dict[str, list[str]]:
    """Return the parameters of the query that each operation has, as the OpenAPI document has them."""
    if not hasattr(app.state, "query_names"):
        operations = [one for path in app.openapi()["paths"].values() for one in path.values()]
        app.state.query_names = {
            of["operationId"]: [one["name"] for one in of.get("parameters", ()) if one["in"] == "query"]
            for of in operations
        }
    found: dict[str, list[str]] = app.state.query_names
    return found


router = APIRouter(prefix="/api/v1", responses=DECLARED, dependencies=[Depends(_known_query)])
for _one in (tasks, runs, schedules, switching, bulk, events, grants, service, resources):
    router.include_router(_one.router)
