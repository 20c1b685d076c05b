"""Serving over stdin and stdout, for one holder, and over HTTP, for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
from anyio.to_thread import run_sync
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware, get_access_token
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend
from mcp.server.auth.provider import AccessToken
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from starlette.middleware.authentication import AuthenticationMiddleware

from mission_control.errors import GrantRefusedError
from mission_control.model.definitions.grant import Grant
from mission_control.processes.http_server import listen, serve, url_of

_PATH = "/mcp"


def serve_stdio(server: Server[Any]) -> None:
    """Serve until stdin ends."""

    async def serve() -> None:
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    anyio.run(serve)


def token_of_request() -> str | None:
    """Return the token of the request that is served over HTTP."""
    found = get_access_token()
    return None if found is None else found.token


class _Verifier:
    """Accepts the tokens of grants; each call asks again, so that a revoked one is refused at once."""

    def __init__(self, holder: Callable[[str], Grant]) -> None:
        self._holder = holder

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return who has a token, or None."""
        try:
            grant = await run_sync(self._holder, token)
        except GrantRefusedError:
            return None
        ends = int(grant.expires.timestamp())
        return AccessToken(token=token, client_id=grant.owner, scopes=[], expires_at=ends)


def serve_http(
    server: Server[Any],
    holder: Callable[[str], Grant],
    host: str,
    port: int,
    *,
    listening: Callable[[str], object],
) -> None:
    """Serve until SIGTERM or SIGINT; `listening` is called with the URL, as soon as it answers.

    Raises:
        FleetError: the port is in use.
    """
    verifier = _Verifier(holder)
    app = server.streamable_http_app(host=host, streamable_http_path=_PATH, token_verifier=verifier)
    app.add_middleware(AuthContextMiddleware)
    app.add_middleware(AuthenticationMiddleware, backend=BearerAuthBackend(verifier))
    with listen(host, port) as listener:
        listening(f"{url_of(listener)}{_PATH}")
        serve(app, listener)
