"""Agents over HTTP, each with the token of its grant."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import httpx

from tests.samples.grants import created, wanted
from tests.stage.command_line import mc, start_program

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation


async def answers(url: str, token: str, *calls: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        found = [await client.call_tool(tool, arguments) for tool, arguments in calls]
        return [one.structured_content["data"] for one in found]


def test_each_client_has_its_own_tasks_and_none_without_a_token(
    installation: Installation, tmp_path: Path
) -> None:
    _, first = created(installation, name="first")
    _, second = created(installation, name="second")
    variables = {name: one for name, one in os.environ.items() if name.startswith("MISSION_CONTROL_")}
    server = start_program("mcp", "--http", "--port", "0", folder=tmp_path, environment=variables)
    try:
        assert server.stderr is not None
        url = server.stderr.readline().removeprefix("listening on ").strip()
        request = {"tasks": [wanted("tea")]}
        (plan,) = asyncio.run(answers(url, first, ("plan", request)))
        (done,) = asyncio.run(answers(url, first, ("apply", {**request, "digest": plan["digest"]})))
        assert done == {"tasks": {"tea": "created"}}
        listed, shown = asyncio.run(answers(url, second, ("list", {}), ("show", {"task_id": "tea"})))
        assert (listed["tasks"], "no task of this grant" in shown["error"]) == ([], True)
        assert mc("grant", "revoke", "second").code == 0
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        headers = {"Accept": "application/json, text/event-stream"}
        for token in (None, "Bearer", "Bearer mcg_forged", f"Bearer {second}", f"Basic {first}"):
            given = {} if token is None else {"Authorization": token}
            assert httpx.post(url, json=body, headers={**headers, **given}).status_code == 401
        elsewhere = {"Authorization": f"Bearer {first}", "Host": "elsewhere.example"}
        assert httpx.post(url, json=body, headers={**headers, **elsewhere}).status_code == 421
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)
