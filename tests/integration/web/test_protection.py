"""What holds for every request, whatever its route."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from mission_control.installation.installation import Installation, current_installation
from mission_control.web.pages import first_page
from tests.stage.command_line import mc, start_program
from tests.stage.web import Web

if TYPE_CHECKING:
    from pathlib import Path


def test_every_answer_forbids_scripts_of_others_and_frames(installation: Installation) -> None:
    for path in ("/healthz", "/api/v1/openapi.json", "/no/such/page"):
        headers = Web(installation).ask("GET", path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")


@pytest.mark.parametrize("address", ["/live?view=/", "/api/v1/events"])
def test_no_proxy_holds_back_a_stream_of_events(address: str, installation: Installation) -> None:
    assert asyncio.run(start_of(Web(installation), address)) == {
        "content-type": "text/event-stream; charset=utf-8",
        "x-accel-buffering": "no",
        "cache-control": "no-store",
    }


async def start_of(web: Web, address: str) -> dict[str, str]:
    """Return some headers of an answer that never ends."""
    path, _, query = address.partition("?")
    begun: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            begun.set_result({name.decode(): value.decode() for name, value in message["headers"]})

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "root_path": "",
        "scheme": "http",
    }
    more = {
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost:8800")],
        "client": ("127.0.0.1", 1),
    }
    serving = asyncio.ensure_future(web.app({**scope, **more}, receive, send))
    found = await begun
    serving.cancel()
    await asyncio.wait([serving])
    return {name: found[name] for name in ("content-type", "x-accel-buffering", "cache-control")}


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({"base_url": "http://elsewhere.example:8800"}, 421, "misdirected_request"),
        ({"headers": {"Host": "[::1"}}, 421, "misdirected_request"),
        ({"headers": {"Sec-Fetch-Site": "cross-site"}}, 403, "cross_origin"),
        ({"headers": {"Sec-Fetch-Site": "same-site"}}, 403, "cross_origin"),
        ({"headers": {"Origin": "http://elsewhere.example"}}, 403, "cross_origin"),
        ({"headers": {"Origin": "null"}}, 403, "cross_origin"),
        ({"headers": {"Origin": "http://localhost:8800"}}, 404, "not_found"),
        ({"headers": {"Sec-Fetch-Site": "same-origin"}}, 404, "not_found"),
        ({"content": b"x" * (1024 * 1024 + 1)}, 413, "body_too_large"),
        ({"headers": {"Content-Length": "many"}}, 413, "body_too_large"),
        ({"headers": {"Content-Length": "9" * 5_000}}, 413, "body_too_large"),
        ({"headers": {"Origin": "http://[::1"}}, 403, "cross_origin"),
        ({"params": {"q": "x" * 20_000}}, 414, "address_too_long"),
    ],
)
def test_request_that_must_not_reach_a_route_is_refused(
    how: dict[str, Any], status: int, code: str, installation: Installation
) -> None:
    answer = Web(installation).ask("POST", "/nothing", **how)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_server_is_ready_if_redis_answers(
    bare_environment: pytest.MonkeyPatch, installation: Installation
) -> None:
    assert Web(installation).ask("GET", "/readyz").json() == {"status": "ok"}
    bare_environment.setenv("MISSION_CONTROL_REDIS_URL", "redis://:wrong@127.0.0.1:1/0")
    web = Web(current_installation())
    answer = web.ask("GET", "/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert "wrong" not in answer.text
    assert web.ask("GET", "/healthz").status_code == 200


def test_web_serves_until_sigterm_and_has_made_its_first_page_before_it_answers(
    installation: Installation, tmp_path: Path
) -> None:
    installation.client.config_resetstat()
    server = start_program("web", "--port", "0", folder=tmp_path, environment=_own_variables())
    try:
        assert server.stderr is not None
        url = server.stderr.readline().removeprefix("the page is at ").strip()
        assert "cmdstat_scan" in cast("Any", installation.client.info("commandstats"))
        assert httpx.get(f"{url}/readyz").json() == {"status": "ok"}
        port = url.rpartition(":")[2]
        taken = mc("web", "--port", port)
        assert (taken.code, "choose another" in taken.err) == (1, True)
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)
    assert server.returncode == 0


def test_server_does_not_wait_for_ever_for_its_first_page(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(first_page, "_PATIENCE", 0.01)
    monkeypatch.setattr(first_page, "page", lambda *_: answered.wait())
    first_page.make_first_page(installation)
    (making,) = (one for one in threading.enumerate() if one.name == "first page")
    answered.set()
    making.join()


def _own_variables() -> dict[str, str]:
    return {name: one for name, one in os.environ.items() if name.startswith("MISSION_CONTROL_")}
