"""The OpenAPI document of REST: as FastAPI has it, with the form of errors once, and how callers identify."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from mission_control.web.problems import Problem

_ABOUT: Final = "Tasks, their runs and what surrounds them; the same as the command line and Python do."
_TOKEN: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "The token of a grant; on a loopback address none is needed.",
}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the document, which is made when it is first asked for."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
        found["components"]["schemas"][Problem.__name__] = Problem.model_json_schema()
        found["components"]["securitySchemes"] = {"token": _TOKEN}
        found["servers"], found["security"] = [{"url": "/"}], [{"token": []}, {}]
        app.openapi_schema = found
    return app.openapi_schema
