"""Pages while everything is down, or Redis is full: they say what is wrong, are small, and none fails."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from mission_control.web.pages.views.table import VIEWS
from tests.stage.live_installation import LiveInstallation, live_installation
from tests.stage.seeded_history import seed
from tests.stage.web import Web

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

MOST_BYTES = 60_000
WITHOUT_REDIS = {"/editor", "/activity"}
"""Pages that show what needs no Redis, under the band that names it."""


@pytest.fixture(scope="module")
def place() -> Iterator[LiveInstallation]:
    """An installation with a history, of which only Redis is up; its end is not taken for a quick restart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mission_control.store.connection.RETRIES", 0)
        with live_installation(start=False) as live:
            seed(live.installation, runs_each=20)
            yield live


def answers(web: Web, live: LiveInstallation) -> dict[str, httpx.Response]:
    known = {"task_id": "billing", "execution_id": live.installation.ledger.ids()[0]}
    return {path: web.ask("GET", path) for path in (view.address.format(**known) for view in VIEWS)}


def run(web: Web) -> httpx.Response:
    return web.ask("POST", "/do/run", content=urlencode({"task": "billing", "back": "/tasks/billing"}))


def test_page_without_beat_and_worker_says_so(place: LiveInstallation) -> None:
    found = answers(Web(place.installation), place)
    assert {path: one.status_code for path, one in found.items() if one.status_code != 200} == {}
    assert [path for path, one in found.items() if "No beat leads: nothing fires." not in one.text] == []
    assert "no worker" in found["/"].text.lower()


def test_full_redis_is_named_by_every_change_and_pages_are_shown(place: LiveInstallation) -> None:
    client, web = place.installation.client, Web(place.installation)
    client.config_set("maxmemory", "1")
    try:
        found, refused = answers(web, place), run(web)
    finally:
        client.config_set("maxmemory", "0")
    assert {path: one.status_code for path, one in found.items() if one.status_code != 200} == {}
    assert (refused.status_code, "is full: raise its maxmemory" in refused.text) == (503, True)
    assert run(web).status_code == 303


def test_page_without_redis_names_it_in_words(place: LiveInstallation) -> None:
    paths = [*answers(Web(place.installation), place)]
    place.server.stop()
    web = Web(place.installation)
    try:
        found, refused = {path: web.ask("GET", path) for path in paths}, run(web)
    finally:
        place.server.restart()
    shown = {path for path, one in found.items() if one.status_code == 200}
    assert shown == WITHOUT_REDIS
    assert {one.status_code for path, one in found.items() if path not in shown} == {503}
    for path, one in found.items():
        assert "No signal from Redis" in one.text, path
        assert len(one.content) <= MOST_BYTES, path
    assert (refused.status_code, "Redis" in refused.text) == (503, True)
