"""What holds for every request, before any route sees it.

- Bodies and addresses are bounded.
- A browser changes something only from a page of this server: `Sec-Fetch-Site`, or `Origin` against `Host`
  where a browser is too old for it. Programs send neither, and need no token of a form.
- Names in addresses stay apart, also those that have a `/`.
- Every answer has a strict Content-Security-Policy, and is shown in no frame.
"""

import re
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mission_control.web.paths import routed
from mission_control.web.problems import problem

MOST_BODY_BYTES: Final = 1024 * 1024
_MOST_ADDRESS_BYTES: Final = 16 * 1024
_LENGTH: Final = re.compile(r"[0-9]{1,15}")
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Protection:
    """Refuses what must not reach a route, and adds headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if "raw_path" in scope:
            scope["path"] = routed(scope["raw_path"].decode("latin-1"))

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        found = refusal(
            scope["method"], Headers(scope=scope), len(scope["path"] + str(scope["query_string"]))
        )
        if found is not None:
            await problem(*found)(scope, receive, sending)
            return
        await self._app(scope, _bounded(receive), sending)


_TOO_LARGE: Final = (413, "body_too_large", f"the body has more than {MOST_BODY_BYTES} bytes; send less")


def refusal(method: str, headers: Headers, address_bytes: int) -> tuple[int, str, str] | None:
    """Return why a request is refused: a status, a code and a sentence; None if it is not.

    >>> refusal("POST", Headers({"host": "localhost:8800", "origin": "https://elsewhere.example"}), 9)[1]
    'cross_origin'
    """
    if address_bytes > _MOST_ADDRESS_BYTES:
        said = f"the address has more than {_MOST_ADDRESS_BYTES} bytes; ask for less"
        return 414, "address_too_long", said
    length = headers.get("content-length", "0")
    if not _LENGTH.fullmatch(length) or int(length) > MOST_BODY_BYTES:
        return _TOO_LARGE
    if method not in _READS and _is_cross_origin(headers):
        said = "a page of another site sent this; open this server's own page, or call it from a program"
        return 403, "cross_origin", said
    return None


def _is_cross_origin(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")


def _bounded(receive: Receive) -> Receive:
    left = MOST_BODY_BYTES

    async def receiving() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(_TOO_LARGE[0], _TOO_LARGE[2])
        return message

    return receiving
