"""The web server inside the test's process, called as a client would."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from mission_control.installation.installation import Installation
from mission_control.web.server import create_app


class Web:
    """Calls the application of an installation; `api` names a path under `/api/v1`."""

    def __init__(self, installation: Installation, *, is_open: bool = True) -> None:
        self.app = create_app(installation, is_open=is_open)

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send a request; a body is given as `json=` or `content=`."""

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            url = how.pop("base_url", "http://localhost:8800")
            async with httpx.AsyncClient(transport=transport, base_url=url) as client:
                return await client.request(method, path, **how)

        return asyncio.run(asked())

    def api(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send a request to REST."""
        return self.ask(method, f"/api/v1{path}", **how)
