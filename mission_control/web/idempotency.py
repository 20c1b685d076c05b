"""`Idempotency-Key`: a POST that is sent again does nothing, and gets the answer of the first.

A key belongs to its caller and lasts a day. Errors are not kept: the same request may be tried again.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any, Final, cast

from fastapi import Request, Response
from redis import Redis
from starlette.concurrency import run_in_threadpool

from mission_control.store import redis_keys
from mission_control.web.problems import Replayed, RequestError
from mission_control.web.strict_bodies import Handler, StrictRoute

HEADER: Final = "Idempotency-Key"
_DAY: Final = 86_400
_WHILE_IT_IS_ANSWERED: Final = 120
_LONGEST: Final = 200

_DECLARED: Final = {
    "name": HEADER,
    "in": "header",
    "description": "Any name for this request: within a day it is done once, and answered alike.",
    "schema": {"type": "string", "minLength": 1, "maxLength": _LONGEST, "pattern": "^[ -~]+$"},
}


class IdempotentRoute(StrictRoute):
    """A route of which each POST with the header is done once."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **how: Any) -> None:  # noqa: ANN401
        if "POST" in (how.get("methods") or ()):
            how["openapi_extra"] = {"parameters": [_DECLARED]}
        super().__init__(path, endpoint, **how)

    def handler(self) -> Handler:
        """Return what answers a request, once."""
        answer = super().handler()

        async def once(request: Request) -> Response:
            given = request.headers.get(HEADER)
            if request.method != "POST" or given is None:
                return await answer(request)
            if not (given.isascii() and given.isprintable() and 0 < len(given) <= _LONGEST):
                said = f"it is 1 to {_LONGEST} printable characters of ASCII"
                raise RequestError(422, "invalid_request", said, HEADER)
            client: Redis = request.state.installation.client
            name = hashlib.sha256(f"{request.state.caller.name}\0{given}".encode()).hexdigest()
            parts = (str(request.url).encode(), await request.body())
            key, what = redis_keys.web_answer(name), hashlib.sha256(b"\0".join(parts)).hexdigest()
            await run_in_threadpool(_claim, client, key, what)
            try:
                found = await answer(request)
            except BaseException:
                await run_in_threadpool(client.delete, key)
                raise
            kept = {"what": what, "status": found.status_code, "body": bytes(found.body).decode()}
            await run_in_threadpool(client.set, key, json.dumps(kept), ex=_DAY)
            return found

        return once


def _claim(client: Redis, key: str, what: str) -> None:
    """Begin to answer a request.

    Raises:
        Replayed: it was answered before; has the answer.
        RequestError: it is being answered, or the key was used for another.
    """
    if client.set(key, json.dumps({"what": what}), nx=True, ex=_WHILE_IT_IS_ANSWERED):
        return
    before = json.loads(cast("str | None", client.get(key)) or "{}")
    if before.get("what", what) != what:
        raise RequestError(422, "key_reused", "this key was used for another request; take a new one", HEADER)
    if "status" not in before:
        raise RequestError(409, "in_progress", "the first request with this key is not answered yet", HEADER)
    headers = {"Idempotency-Replayed": "true"}
    raise Replayed(Response(before["body"], before["status"], headers, "application/json"))
