"""Bodies of REST are JSON as strict as that of files: no key twice, no depth that a parser cannot follow."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from mission_control.files.json_file import strict_json

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _StrictRequest(Request):
    async def json(self) -> Any:  # noqa: ANN401  # whatever the body holds
        """Return what the body holds.

        Raises:
            HTTPException: 400, with what is wrong and where.
        """
        try:
            return strict_json((await self.body()).decode("utf-8-sig"))
        except RecursionError as error:
            raise HTTPException(400, "the body is nested too deeply; use fewer levels") from error
        except ValueError as error:
            raise HTTPException(400, f"the body is not JSON: {error}") from error


class StrictRoute(APIRoute):
    """A route whose body is read strictly."""

    def get_route_handler(self) -> Handler:
        """Return what answers a request."""
        answer = self.handler()

        async def strictly(request: Request) -> Response:
            return await answer(_StrictRequest(request.scope, request.receive))

        return strictly

    def handler(self) -> Handler:
        """Return what answers a request whose body is read strictly."""
        return super().get_route_handler()
