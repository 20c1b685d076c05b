"""Pages for callers who are limited to some tasks: these, and no other."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from mission_control.operate.grants.tokens import create_grant
from mission_control.web.access.caller import Caller
from mission_control.web.pages import router
from mission_control.web.pages.views.table import VIEWS
from tests.stage.seeded_history import seed
from tests.stage.web import Web

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

OTHERS = ("billing", "daily_briefing", "backup.nightly")


@pytest.fixture
def web(installation: Installation) -> Web:
    """A server of an installation with a history."""
    seed(installation, runs_each=60)
    return Web(installation)


def limited(installation: Installation, *permissions: str) -> dict[str, str]:
    """Return the header of a caller whose tasks are those of the shop."""
    given = {"name": "shopkeeper", "permissions": [*permissions], "tags": ["shop"]}
    parts = (installation.grants, installation.budgets, given)
    _, token = create_grant(*parts, lasts=timedelta(days=1), now=installation.clock())
    return {"Authorization": f"Bearer {token}"}


def test_caller_limited_to_some_tasks_sees_these_and_no_other_on_any_page(
    web: Web, installation: Installation
) -> None:
    header = limited(installation, "read")
    run = installation.ledger.runs_of("import_orders", limit=1)[0].execution_id
    theirs = {"/tasks", "/tasks/import_orders", "/runs", f"/runs/{run}", "/timeline", "/pressure", "/graph"}
    for path in theirs:
        answer = web.ask("GET", path, headers=header)
        assert (answer.status_code, path) == (200, path)
        assert not [one for one in OTHERS if one in answer.text], path
        assert path == "/pressure" or "import_orders" in answer.text, path
    known = {"task_id": "import_orders", "execution_id": run}
    rest = {view.address.format(**known) for view in VIEWS} - theirs - {"/"}
    assert {path: web.ask("GET", path, headers=header).status_code for path in rest} == dict.fromkeys(
        rest, 403
    )
    assert "see Tasks, Runs" in web.ask("GET", "/activity", headers=header).text
    assert web.ask("GET", "/", headers=header).headers["location"] == "/tasks"
    other = installation.ledger.runs_of("billing", limit=1)[0].execution_id
    hidden = ("/tasks/billing", f"/runs/{other}", f"/runs/{other}/capsule.json", "/timeline?task=billing")
    assert {path: web.ask("GET", path, headers=header).status_code for path in hidden} == dict.fromkeys(
        hidden, 404
    )
    older = web.ask("GET", "/runs?n=100", headers=header).text
    assert older.count('href="/runs/') >= 60


def test_caller_limited_to_some_tasks_changes_these_only(web: Web, installation: Installation) -> None:
    header = limited(installation, "run", "pause", "edit")
    billing = installation.ledger.runs_of("billing", limit=1)[0].execution_id
    orders = installation.ledger.runs_of("import_orders", limit=1)[0].execution_id

    def status(action: str, *fields: tuple[str, str]) -> int:
        return web.ask("POST", f"/do/{action}", content=urlencode(fields), headers=header).status_code

    assert status("pause", ("task", "import_orders")) == 303
    assert status("retry", ("run", orders)) == 303
    assert status("theme", ("theme", "dark")) == 303
    for action, fields in (
        ("pause", [("task", "import_orders"), ("task", "billing")]),
        ("retry", [("run", billing)]),
        ("remove", [("task", "billing")]),
    ):
        assert (action, status(action, *fields)) == (action, 404)
    assert status("save", ("id", "billing"), ("handler", "handlers.hello.run")) == 403
    (pause,) = installation.pauses.read().in_force(installation.clock())
    assert pause.value == "import_orders"
    assert installation.registry.definition("billing") is not None


def test_live_updates_of_limited_callers_are_their_own(web: Web, installation: Installation) -> None:
    assert web.ask("GET", "/tasks").status_code == 200
    shopkeeper = Caller("grant:shopkeeper", frozenset({"read"}), tags=frozenset({"shop"}))
    texts = [router._rendered(installation, ("/tasks", "", "UTC", one)) for one in (None, shopkeeper)]
    assert [[one in text for one in ("import_orders", *OTHERS)] for text in texts] == [
        [True] * 4,
        [True, False, False, False],
    ]
    assert "yours are some" in router._rendered(installation, ("/", "", "UTC", shopkeeper))
