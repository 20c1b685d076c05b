"""Addresses: names of any characters are one segment, and what a route does not have is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import APIRoute

from mission_control.dispatch.enqueue import Dispatch
from mission_control.web.paths import segment
from mission_control.web.server import ROUTERS
from tests.stage.web import Web

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

NAMES = (
    "plain:a/b",
    "plain:x/attempts",
    "plain:50%",
    "plain:%2F",
    "plain:?#&",
    "plain:" + "日本",
    "plain:../..",
)
TEA = {"id": "tea", "schedule": "every 1h", "handler": "handlers.hello.run"}


@pytest.fixture
def web(installation: Installation) -> Web:
    installation.registry.register(TEA)
    return Web(installation)


def enter(installation: Installation, name: str) -> None:
    """Enter a run as the worker does with a message of a plain Celery client."""
    one = replace(Dispatch.of(installation).prepare("tea", None), execution_id=name)
    stored: Any = one.to_hash()
    installation.client.hset(f"mc:run:{name}", mapping=stored)
    installation.client.zadd("mc:runs:active", {name: 1})


def test_run_of_any_name_has_an_address_in_rest_and_on_pages(web: Web, installation: Installation) -> None:
    for name in NAMES:
        enter(installation, name)
        path = f"/runs/{segment(name)}"
        shown = web.api("GET", path)
        assert (shown.status_code, shown.json().get("execution_id")) == (200, name), shown.text
        for part in ("attempts", "logs", "why"):
            assert web.api("GET", f"{path}/{part}").status_code == 200
        assert web.ask("GET", path).status_code == 200
        assert web.ask("GET", f"{path}/capsule.json").json()["run"]["execution_id"] == name
        assert f'href="{path}"' in web.ask("GET", "/runs").text
        assert f'href="{path}"' in web.ask("GET", "/timeline").text
        assert web.api("POST", f"{path}/cancel", json={}).json()["execution_id"] == name


def test_every_variable_of_a_route_is_a_name_of_any_characters() -> None:
    paths = [route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    assert {one for one in paths if "}" in one.replace(":id}", "").replace(":section}", "")} == {
        "/static/{name:path}",
        "/do/{action}",
    }


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("GET", "/tasks/tea?dry_rum=1", "there are none here"),
        ("POST", "/tasks/tea/run?dry_rum=1", 'did you mean "dry_run"?'),
        ("GET", "/runs?limits=3", 'did you mean "limit"?'),
        ("GET", "/account?form=2026-01-01T00:00:00Z", 'did you mean "from"?'),
        ("DELETE", "/tasks/tea?force=1&dryrun=1", 'did you mean "dry_run"?'),
    ],
)
def test_parameter_that_a_route_does_not_have_is_refused(
    web: Web, installation: Installation, method: str, path: str, words: str
) -> None:
    answer = web.api(method, path, **({"json": {}} if method == "POST" else {}))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert words in answer.text.replace('\\"', '"')
    assert installation.registry.ids() == ["tea"]


@pytest.mark.parametrize("path", ["/runs?sattus=failed", "/tasks?txt=x", "/analytics?lats=1h", "/limits?x=1"])
def test_parameter_that_a_page_does_not_have_is_refused(web: Web, path: str) -> None:
    answer = web.ask("GET", path)
    assert answer.status_code == 422
    assert "no query parameter is named" in answer.text
