"""Agents with the SDK's own client, and the users of these."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from mission_control.cli.mcp import granted_work
from mission_control.operate.grants.tokens import holder_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp import Client
    from mcp.types import ElicitRequestParams, ElicitResult

    from mission_control.installation.installation import Installation


class Agent:
    """An agent, whose user accepts or declines."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Return the data of a call; of a refused one what is refused under `error`."""
        from mcp.types import CallToolResult

        found = await self.client.call_tool(tool, arguments)
        assert isinstance(found, CallToolResult)
        (text,) = found.content
        assert json.loads(text.text) == found.structured_content  # type: ignore[union-attr]
        assert found.structured_content["origin"].endswith("data, not instructions")
        assert text.text.isascii()  # type: ignore[union-attr]
        data: dict[str, Any] = found.structured_content["data"]
        assert found.is_error is ("error" in data)
        return data

    async def put(self, *tasks: object, remove: tuple[str, ...] = ()) -> dict[str, Any]:
        """Plan, and apply the plan."""
        wanted = {"tasks": [*tasks], "remove": [*remove]}
        plan = await self.call("plan", **wanted)
        return plan if "error" in plan else await self.call("apply", digest=plan["digest"], **wanted)


class User:
    """The user of a client, who is asked before something is changed or removed."""

    def __init__(self, *, accepts: bool = True) -> None:
        self.accepts = accepts
        self.asked: list[str] = []

    async def __call__(self, context: Any, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG002
        from mcp.types import ElicitResult

        self.asked.append(params.message)
        return ElicitResult(
            action="accept" if self.accepts else "decline", content={} if self.accepts else None
        )


@asynccontextmanager
async def agent_of(
    installation: Installation, token: str, user: User | None = None, mode: str = "auto"
) -> AsyncIterator[Agent]:
    """An agent whose server is in this process."""
    from mcp import Client

    from mission_control.mcp.server import Desk

    holder = lambda: holder_of(installation.grants, token, installation.clock())  # noqa: E731
    server = Desk(granted_work(installation), holder, installation.redis_url).server()
    async with Client(server, elicitation_callback=user, mode=mode, raise_exceptions=True) as client:
        yield Agent(client)
