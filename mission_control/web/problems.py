"""Errors as `application/problem+json` (RFC 9457): what, where, and the remedy.

Each has a `code`, a stable name for programs: the error's class in words (`unknown_task`), or the status in
words. `problems` lists each wrong field of a body or query. That of a filter has the `position` of the wrong
character, or how many runs it would have `to_scan`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from kombu.exceptions import OperationalError
from pydantic import BaseModel
from redis import RedisError
from starlette.exceptions import HTTPException

from mission_control.errors import (
    AuditWriteError,
    GrantRefusedError,
    HandlerError,
    MissionControlError,
    RevisionDiffersError,
    RunTimeoutError,
    StoreUnavailableError,
    UnsafePathError,
    WideSearchError,
)
from mission_control.store.connection import store_errors

_CODES: Final = {
    400: "invalid_json",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    422: "invalid_request",
}


class RequestError(Exception):
    """A request cannot be answered, for a reason of the web server's own; `path` names the field."""

    def __init__(self, status: int, code: str, detail: str, path: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.path = path


class Replayed(Exception):  # noqa: N818  # no error
    """The answer is that of an earlier request."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


MEDIA_TYPE: Final = "application/problem+json"
_STATUSES: Final = (
    (GrantRefusedError, HTTPStatus.FORBIDDEN),
    (StoreUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (AuditWriteError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (UnsafePathError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (RunTimeoutError, HTTPStatus.GATEWAY_TIMEOUT),
    (HandlerError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (WideSearchError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (RevisionDiffersError, HTTPStatus.PRECONDITION_FAILED),
    (LookupError, HTTPStatus.NOT_FOUND),
    (ValueError, HTTPStatus.UNPROCESSABLE_ENTITY),
)


def problem(
    status: int,
    code: str,
    detail: str,
    problems: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, int] | None = None,
) -> Response:
    """Return an error as a response; `more` are members that only some errors have."""
    title = HTTPStatus(status).phrase
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "code": code}
    body |= {"detail": detail, **(more or {})}
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


def answer_errors(app: FastAPI) -> None:
    """Have an application answer every error as a problem; errors of Redis are explained."""
    for kind in (*_ANSWERS, Exception):
        app.add_exception_handler(kind, _answered)


async def _answered(request: Request, error: Exception) -> Response:
    return next(answer for kind, answer in _ANSWERS.items() if isinstance(error, kind))(request, error)


def _ours(_request: Request, error: Any) -> Response:  # noqa: ANN401  # a MissionControlError
    wrong = [{"path": one.path, "message": one.message} for one in getattr(error, "problems", ())]
    status = status_of(error)
    headers = {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    more = {name: getattr(error, name) for name in ("position", "to_scan") if hasattr(error, name)}
    return problem(status, code_of(error), str(error), wrong, headers, more)


def _redis(request: Request, error: Exception) -> Response:
    try:
        with store_errors(request.app.state.installation.redis_url):
            raise error
    except StoreUnavailableError as explained:
        return _ours(request, explained)
    except RedisError:
        return _unexpected(request, error)


def _invalid(request: Request, error: Any) -> Response:  # noqa: ANN401  # a RequestValidationError
    if isinstance(error.body, bytes):  # FastAPI reads only what is called JSON
        given = request.headers.get("content-type", "no media type")
        said = f"the body has {given[:100]}: send JSON, with the header Content-Type: application/json"
        return problem(415, "unsupported_media_type", said)
    wrong = [{"path": _place(one["loc"]), "message": str(one["msg"])} for one in error.errors()]
    return problem(
        422, "invalid_request", "; ".join(f"{one['path']}: {one['message']}" for one in wrong), wrong
    )


def _http(_request: Request, error: Any) -> Response:  # noqa: ANN401  # an HTTPException
    code = _CODES.get(error.status_code, f"status_{error.status_code}")
    return problem(error.status_code, code, str(error.detail), headers=error.headers)


def _refused(_request: Request, error: Any) -> Response:  # noqa: ANN401  # a RequestError
    wrong = [{"path": error.path, "message": str(error)}] if error.path else []
    return problem(error.status, error.code, str(error), wrong)


def _replayed(_request: Request, error: Any) -> Response:  # noqa: ANN401  # a Replayed
    answer: Response = error.answer
    return answer


def _broker(_request: Request, error: Exception) -> Response:
    return problem(503, "broker_unavailable", f"the broker cannot be reached: {error}; try again")


def _unexpected(_request: Request, error: Exception) -> Response:
    said = f"unexpected {type(error).__name__}; the log of the web server has where it comes from"
    return problem(500, "unexpected", said)


_ANSWERS: Final[Mapping[type[Exception], Callable[[Request, Any], Response]]] = {
    Replayed: _replayed,
    RequestError: _refused,
    RequestValidationError: _invalid,
    HTTPException: _http,
    MissionControlError: _ours,
    OperationalError: _broker,
    RedisError: _redis,
    Exception: _unexpected,
}


def _place(location: Sequence[str | int]) -> str:
    """Return where a wrong value stands.

    >>> _place(("body", "tasks", 3, "id")), _place(("query", "limit"))
    ('tasks[3].id', 'query.limit')
    """
    parts = location[1:] if location[0] == "body" and len(location) > 1 else location
    joined = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in parts)
    return joined.removeprefix(".")


class Problem(BaseModel):
    """An error, by RFC 9457."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    problems: list[dict[str, str]] = []


_STATUSES_DECLARED: Final = {
    400: "the body is not JSON",
    401: "no token, or one that is not valid",
    403: "not permitted",
    404: "there is no such thing",
    409: "it conflicts with what is there",
    412: "the revision is another",
    413: "the body is too large",
    414: "the address is too long",
    415: "the body is not called JSON",
    421: "called by a name of another machine",
    422: "a field is wrong",
    503: "Redis or the broker cannot be reached",
}
_PROBLEM: Final = {"$ref": f"#/components/schemas/{Problem.__name__}"}
DECLARED: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": words, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
    for status, words in _STATUSES_DECLARED.items()
}
"""Every error that any route may answer, for OpenAPI."""
