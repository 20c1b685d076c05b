"""Who may call the web server, and what they may do with which tasks."""

from __future__ import annotations

import asyncio
import os
import socket
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mission_control.audit.stream.reader import tail
from mission_control.dispatch.enqueue import Dispatch
from mission_control.installation.installation import Installation, current_installation
from mission_control.operate.grants.tokens import create_grant
from mission_control.store import redis_keys
from mission_control.store.embedded.server_start import free_port
from mission_control.web.access.caller import Caller
from mission_control.web.api.events import EventsOfSome
from mission_control.web.events.broadcast import Broadcast
from mission_control.web.events.event_log import EventLog
from tests.stage.command_line import mc, start_program
from tests.stage.web import Web

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

TEA = {"id": "tea", "schedule": "every 1h", "handler": "handlers.hello.run", "owner": "kitchen"}
COFFEE = {**TEA, "id": "coffee", "owner": "office", "tags": ["hot"]}


def token_of(installation: Installation, *permissions: str, **given: Any) -> dict[str, str]:
    """Create a grant, and return the header with its token."""
    from datetime import timedelta

    lasts: timedelta = given.pop("lasts", timedelta(days=1))
    whole = {"name": "ada", "permissions": [*permissions], **given}
    parts = (installation.grants, installation.budgets, whole)
    _, token = create_grant(*parts, lasts=lasts, now=installation.clock())
    return {"Authorization": f"Bearer {token}"}


def with_two_tasks(installation: Installation) -> None:
    assert installation.registry.register(TEA)
    assert installation.registry.register(COFFEE)


def status_of(web: Web, method: str, path: str, **how: Any) -> int:
    return web.api(method, path, **how).status_code


def test_other_machine_needs_a_token_and_its_refusal_is_recorded_once_a_minute(
    installation: Installation,
) -> None:
    web = Web(installation, is_open=False)
    for header in ({}, {"Authorization": "Bearer mcg_forged"}, {"Authorization": "Basic !"}):
        answer = web.api("GET", "/tasks", headers=header)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Basic")
    (record,) = tail(installation.settings.task_changes_log, 10)
    assert (record["change"], record["actor"]) == ("refused", "web")
    assert web.ask("GET", "/healthz").status_code == 200


def test_token_is_taken_as_bearer_or_password_until_it_expires_or_is_revoked(
    installation: Installation,
) -> None:
    header = token_of(installation, "read")
    web = Web(installation, is_open=False)
    assert status_of(web, "GET", "/tasks", headers=header) == 200
    password = b64encode(f"any:{header['Authorization'].split()[1]}".encode()).decode()
    elsewhere = {"base_url": "https://mc.example"}
    assert status_of(web, "GET", "/tasks", headers={"Authorization": f"Basic {password}"}, **elsewhere) == 200
    assert mc("grant", "revoke", "ada").code == 0
    assert status_of(web, "GET", "/tasks", headers=header) == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "permission"),
    [
        ("POST", "/tasks/tea/run", {}, "run"),
        ("POST", "/tasks/tea/pause", {}, "pause"),
        ("POST", "/tasks/tea/skip", {}, "pause"),
        ("PATCH", "/tasks/tea", {"description": "x"}, "edit"),
        ("POST", "/tasks", {**TEA, "id": "cake"}, "edit"),
        ("PUT", "/limits/gpu", {"concurrency": 1}, "admin"),
        ("POST", "/grants", {"grant": {"name": "eve", "permissions": ["read"]}}, "admin"),
    ],
)
def test_change_needs_its_permission(
    method: str, path: str, body: dict[str, Any], permission: str, installation: Installation
) -> None:
    with_two_tasks(installation)
    others = {"read", "run", "pause", "edit", "admin"} - {permission, "admin"}
    web = Web(installation, is_open=False)
    without = token_of(installation, *sorted(others))
    answer = web.api(method, path, json=body, headers=without)
    assert (answer.status_code, answer.json()["code"]) == (403, "grant_refused")
    record = tail(installation.settings.task_changes_log, 1)[0]
    assert (record["change"], record["actor"]) == ("refused", "grant:ada")
    header = token_of(installation, permission, name="bob")
    assert web.api(method, path, json=body, headers=header).status_code in {200, 201}


def test_change_is_recorded_with_its_caller(installation: Installation) -> None:
    with_two_tasks(installation)
    header = token_of(installation, "edit")
    assert (
        status_of(Web(installation), "PATCH", "/tasks/tea", json={"description": "x"}, headers=header) == 200
    )
    assert tail(installation.settings.task_changes_log, 1)[0]["actor"] == "grant:ada"


@pytest.mark.parametrize("limit", [{"owners": ["kitchen"]}, {"tags": ["cold"]}])
def test_limited_caller_sees_and_changes_its_tasks_only(
    limit: dict[str, list[str]], installation: Installation
) -> None:
    with_two_tasks(installation)
    assert installation.registry.update("tea", {"tags": ["cold"]})
    header = token_of(installation, "admin", **limit)
    web = Web(installation)
    run = web.api("POST", "/tasks/coffee/run", json={}).json()["execution_id"]
    assert [one["id"] for one in web.api("GET", "/tasks", headers=header).json()["items"]] == ["tea"]
    assert web.api("GET", "/runs", headers=header).json()["items"] == []
    for path in ("/tasks/coffee", "/tasks/coffee/why", f"/runs/{run}", f"/runs/{run}/logs"):
        assert status_of(web, "GET", path, headers=header) == 404
    assert status_of(web, "POST", f"/runs/{run}/cancel", json={}, headers=header) == 404
    for path in ("/status", "/audit", "/grants"):
        assert status_of(web, "GET", path, headers=header) == 403
    assert status_of(web, "POST", "/tasks", json={**COFFEE, "id": "more"}, headers=header) == 403
    moved = {"owner": "office", "tags": []}
    assert status_of(web, "PATCH", "/tasks/tea", json=moved, headers=header) == 403


def test_proxy_names_the_user_and_others_cannot(
    bare_environment: pytest.MonkeyPatch, installation: Installation
) -> None:
    token = token_of(installation, "read")
    password = {"Authorization": "Basic " + b64encode(b"ada:of the proxy").decode()}
    bare_environment.setenv("MISSION_CONTROL_WEB_PROXIES", "127.0.0.0/8")
    web = Web(current_installation(), is_open=False)
    for user, status in (("ada", 200), ("eve", 401), ("", 401)):
        for passed_on in ({}, password):
            headers = {"X-Forwarded-User": user, **passed_on}
            assert status_of(web, "GET", "/tasks", headers=headers) == status
    assert status_of(web, "GET", "/tasks", headers={}) == 401
    assert status_of(web, "GET", "/tasks", headers={"X-Forwarded-User": "", **token}) == 200
    bare_environment.setenv("MISSION_CONTROL_WEB_PROXIES", "10.0.0.1")
    spoofed = Web(current_installation(), is_open=False)
    assert status_of(spoofed, "GET", "/tasks", headers={"X-Forwarded-User": "ada", **password}) == 401
    assert status_of(spoofed, "GET", "/tasks", headers={"X-Forwarded-User": "ada"}) == 401


def test_caller_without_a_token_calls_directly_by_a_name_of_this_machine(installation: Installation) -> None:
    web = Web(installation)
    assert status_of(web, "GET", "/tasks", base_url="http://127.0.0.1:8800") == 200
    assert status_of(web, "GET", "/tasks", base_url="http://elsewhere.example:8800") == 421
    assert status_of(web, "GET", "/tasks", headers={"X-Forwarded-For": "10.0.0.9"}) == 421


def test_grant_of_an_agent_alone_is_for_mcp(installation: Installation) -> None:
    header = token_of(installation, handlers=["handlers.hello.run"])
    assert status_of(Web(installation), "GET", "/tasks", headers=header) == 401


def test_server_that_others_reach_waits_for_the_first_token(
    installation: Installation, tmp_path: Path
) -> None:
    port = free_port()
    environment = {name: one for name, one in os.environ.items() if name.startswith("MISSION_CONTROL_")}
    environment["MC_COMMAND"] = "docker compose exec web mission-control"
    # The host is this machine, but its spelling does not say so.
    words = ("web", "--host", "127.1", "--port", str(port))
    with start_program(*words, folder=tmp_path, environment=environment) as server:
        assert server.stderr is not None
        waits = server.stderr.readline()
        assert "`docker compose exec web mission-control grant create NAME --permissions read`" in waits
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        token_of(installation, "read")
        assert server.stderr.readline() == f"the page is at http://127.0.0.1:{port}\n"
        assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        server.terminate()
    assert server.returncode == 0


def test_wrong_place_is_refused_without_a_wait(installation: Installation) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        refused = mc("web", "--host", "127.1", "--port", str(port))
    assert (refused.code, "choose another place" in refused.err) == (1, True)
    assert installation.settings.web_host == "127.0.0.1"


def test_limited_caller_gets_the_events_of_its_tasks_and_gaps(installation: Installation) -> None:
    caller = Caller("ada", frozenset({"read"}), owners=frozenset({"kitchen"}))
    shown, log = EventsOfSome(installation, caller), EventLog(installation.client, "a")
    log.notice()
    with_two_tasks(installation)
    for name in ("tea", "coffee", "handlers.hello.run"):
        Dispatch.of(installation).enqueue(name)
    installation.limits.set({"name": "api", "concurrency": 2})
    log.notice()
    begun = shown.of(log.after(0))
    assert [one.kind for one in begun] == ["run", "task"]
    assert all('"tea"' in one.data for one in begun)
    seen = log.ends()[1]
    installation.registry.update("tea", {"owner": "office"})
    installation.registry.update("tea", {"description": "no longer theirs"})
    installation.client.xadd(redis_keys.EDITS, {"edits": "{"})
    log.notice()
    assert [one.kind for one in shown.of(log.after(seen))] == ["task", "gap"]


def test_limited_caller_listens_to_the_events_of_its_tasks(installation: Installation) -> None:
    caller = Caller("ada", frozenset({"read"}), owners=frozenset({"kitchen"}))
    log = EventLog(installation.client, "a")
    log.notice()
    with_two_tasks(installation)
    log.notice()
    shown = EventsOfSome(installation, caller).of

    async def first() -> str:
        return await anext(Broadcast(lambda: log, installation.redis_url).listen(0, shown))

    (event,) = asyncio.run(first()).strip().split("\n\n")
    assert '"task_id": "tea"' in event
