"""Errors as `application/problem+json` (RFC 9457): what, where, and the remedy.

Each has a `code`, a stable name for programs: the error's class in words (`unknown_task`), or the status in
words. `problems` lists each wrong field of a body or query.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from redis import RedisError
from starlette.exceptions import HTTPException

from mission_control.errors import (
    AuditWriteError,
    GrantRefusedError,
    HandlerError,
    MissionControlError,
    RunTimeoutError,
    StoreUnavailableError,
    UnsafePathError,
    WideSearchError,
)
from mission_control.store.connection import store_errors

MEDIA_TYPE: Final = "application/problem+json"
_STATUSES: Final = (
    (GrantRefusedError, HTTPStatus.FORBIDDEN),
    (StoreUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (AuditWriteError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (UnsafePathError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (RunTimeoutError, HTTPStatus.GATEWAY_TIMEOUT),
    (HandlerError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (WideSearchError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (LookupError, HTTPStatus.NOT_FOUND),
    (ValueError, HTTPStatus.UNPROCESSABLE_ENTITY),
)


def problem(
    status: int,
    code: str,
    detail: str,
    problems: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error as a response."""
    title = HTTPStatus(status).phrase
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "code": code}
    body["detail"] = detail
    if problems:
        body["problems"] = list(problems)
    return JSONResponse(body, status, headers, media_type=MEDIA_TYPE)


def code_of(error: Exception) -> str:
    """Return the stable name of an error.

    >>> code_of(GrantRefusedError()), code_of(StoreUnavailableError())
    ('grant_refused', 'store_unavailable')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__.removesuffix("Error")).lower()


def status_of(error: MissionControlError) -> HTTPStatus:
    """Return the status for an error; one that nothing else says is a conflict with what is there."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.CONFLICT)


def answer_errors(app: FastAPI, redis_url: str) -> None:
    """Have an application answer every error as a problem; errors of Redis are explained."""

    async def ours(_request: Request, error: Exception) -> Response:
        if isinstance(error, RedisError):
            try:
                with store_errors(redis_url):
                    raise error
            except StoreUnavailableError as explained:
                error = explained
        if not isinstance(error, MissionControlError):
            raise error
        wrong = [{"path": one.path, "message": one.message} for one in getattr(error, "problems", ())]
        status = status_of(error)
        headers = {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
        return problem(status, code_of(error), str(error), wrong, headers)

    async def invalid(_request: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else ()
        if any(one["type"] == "json_invalid" for one in found):
            return problem(400, "invalid_json", f"the body is not JSON: {found[0]['ctx']['error']}")
        wrong = [{"path": _place(one["loc"]), "message": str(one["msg"])} for one in found]
        said = "; ".join(f"{one['path']}: {one['message']}" for one in wrong)
        return problem(422, "invalid_request", said, wrong)

    async def http(_request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        return problem(error.status_code, code, str(error.detail), headers=error.headers)

    async def unexpected(_request: Request, error: Exception) -> Response:
        said = f"unexpected {type(error).__name__}; the log of the web server has where it comes from"
        return problem(500, "unexpected", said)

    app.add_exception_handler(MissionControlError, ours)
    app.add_exception_handler(RedisError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def _place(location: Sequence[str | int]) -> str:
    """Return where a wrong value stands.

    >>> _place(("body", "tasks", 3, "id")), _place(("query", "limit"))
    ('tasks[3].id', 'query.limit')
    """
    parts = location[1:] if location[0] == "body" and len(location) > 1 else location
    joined = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in parts)
    return joined.removeprefix(".")
