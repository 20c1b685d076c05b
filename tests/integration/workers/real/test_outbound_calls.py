"""What a real worker calls for a task: public addresses, and those that the operator allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.stage.local_http import LocalHttpServer

if TYPE_CHECKING:
    from tests.stage.live_installation import LiveInstallation

REFUSED = "is a loopback address and is not called; to allow it, the operator adds it to MISSION_CONTROL_"


def test_only_the_operator_lets_a_task_call_an_address_that_is_not_public(live: LiveInstallation) -> None:
    handler = "handlers.http_request.run"
    with LocalHttpServer() as private, LocalHttpServer("127.0.0.3") as allowed:
        redirect = f"{allowed.url}/redirect?to={private.url}/"
        runs = {
            "private": live.run(handler, {"url": private.url}),
            "allowing itself": live.run(handler, {"url": private.url, "allow_private": True}),
            "redirected": live.run(handler, {"url": redirect}),
            "allowed": live.run(handler, {"url": allowed.url}),
            "notification": live.run("handlers.reminder.run", {"text": "tea", "to": ["nas"]}),
        }
        ended = {name: live.ended(run) for name, run in runs.items()}
        assert private.requests == []
    errors = {name: str(run.error) for name, run in ended.items()}
    assert f"127.0.0.1 {REFUSED}" in errors["private"]
    assert "params.allow_private" in errors["allowing itself"]
    assert f"127.0.0.1 {REFUSED}" in errors["redirected"]
    assert ended["allowed"].state == "success"
    assert REFUSED in errors["notification"]
