"""Pages for callers who are limited to some tasks: these, and no other."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from mission_control.audit.stream.reader import tail
from mission_control.dispatch.enqueue import Dispatch
from mission_control.operate.attention import attention
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
    theirs = {"/", "/tasks", "/tasks/import_orders", "/runs", f"/runs/{run}", "/timeline", "/pressure"}
    theirs |= {"/graph", "/activity", "/calendar", "/editor", "/editor/import_orders"}
    without_ids = {"/pressure", "/calendar", "/editor"}
    for path in theirs:
        answer = web.ask("GET", path, headers=header)
        assert (answer.status_code, path) == (200, path)
        text = answer.text.replace("handlers.daily_briefing", "")  # a handler that may be named to all
        assert not [one for one in OTHERS if one in text], path
        assert path in without_ids or "import_orders" in answer.text, path
    known = {"task_id": "import_orders", "execution_id": run}
    rest = {view.address.format(**known) for view in VIEWS} - theirs
    assert rest == {"/analytics", "/workers", "/limits", "/approvals"}
    assert {path: web.ask("GET", path, headers=header).status_code for path in rest} == dict.fromkeys(
        rest, 403
    )
    refused = web.ask("GET", "/workers", headers=header).text
    assert "is about the whole installation, and yours are some of its tasks: see Now, Tasks, Runs" in refused
    other = installation.ledger.runs_of("billing", limit=1)[0].execution_id
    asked = ("/timeline?task=billing", "/activity?task=billing", "/calendar?task=billing", "/editor/billing")
    hidden = ("/tasks/billing", f"/runs/{other}", f"/runs/{other}/capsule.json", *asked)
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
    assert "yours are some" in router._rendered(installation, ("/workers", "", "UTC", shopkeeper))


def test_figures_of_limited_callers_count_their_tasks_only(web: Web, installation: Installation) -> None:
    header, total = limited(installation, "read"), 0
    months = {f"{installation.clock() - timedelta(minutes=17 * at):%Y-%m}" for at in (1, 60)}
    for month in months:
        text = web.ask("GET", f"/calendar?month={month}", headers=header).text
        total += sum(int(one) for one in re.findall(r">(\d+) runs?</a>", text))
    assert total == 2 * 60
    after = {"id": "gone", "after": [{"task": "backup.nightly"}], "handler": "handlers.hello.run"}
    installation.registry.register(after)
    installation.registry.unregister("backup.nightly", force=True)
    Dispatch.of(installation).enqueue("billing")
    ours, theirs = (web.ask("GET", "/", headers=one).text for one in ({}, header))
    ended = attention(installation.ledger, installation.clock() - timedelta(hours=24))
    shown = attention(
        installation.ledger,
        installation.clock() - timedelta(hours=24),
        only={"import_orders", "check_stock"},
    )
    assert 0 < sum(shown.outcomes.values()) < sum(ended.outcomes.values())
    for words, is_theirs in (
        ("<dt>tasks enabled</dt><dd>2</dd>", True),
        ("Nothing runs or waits", True),
        ("This page shows your tasks alone", True),
        ("task gone comes after backup.nightly", False),
        ("Queues, limits, budgets", False),
        ("billing", False),
    ):
        assert (words in theirs, words in ours) == (is_theirs, not is_theirs), words


def test_limited_caller_edits_its_tasks_and_makes_no_other(web: Web, installation: Installation) -> None:
    header = limited(installation, "edit")
    tags = ("more", '{"tags": ["shop"]}')
    base = ("base", "1")

    def answer(action: str, task_id: str, *fields: tuple[str, str]) -> tuple[int, str]:
        form = [("id", task_id), ("handler", "handlers.hello.run"), ("schedule", "every 7m"), *fields]
        back = ("back", f"/editor/{task_id}" if base in fields else "/editor")
        found = web.ask("POST", f"/do/{action}", content=urlencode([*form, back]), headers=header)
        return found.status_code, found.text

    assert "&#34;shop&#34;" in web.ask("GET", "/editor", headers=header).text
    assert web.ask("GET", "/preview?schedule=every+7m", headers=header).status_code == 200
    status, text = answer("plan", "import_orders", base, tags)
    assert (status, "7 minutes" in text) == (200, True)
    assert answer("save", "import_orders", base, tags)[0] == 303
    assert answer("save", "price_list", tags)[0] == 303
    status, text = answer("save", "price_list", base, ("more", '{"tags": ["other"]}'))
    assert (status, "give it tag shop" in text) == (403, True)
    assert tail(installation.settings.task_changes_log, 1)[0]["change"] == "refused"
    status, text = answer("save", "cake")
    assert (status, "with such tags" in text) == (403, True)
    status, text = answer("save", "billing", tags)
    assert (status, "is there already" in text) == (409, True)
    assert answer("save", "billing", base, tags)[0] == 404
    found = {one.id: one for one in installation.registry.definitions()}
    assert {name for name, one in found.items() if "shop" in one.tags} == {
        *("import_orders", "check_stock", "price_list"),
    }
    assert found["import_orders"].metadata.revision == 2
