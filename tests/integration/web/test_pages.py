"""Pages as a browser without JavaScript asks them: what they show, what forms do, what never happens."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from mission_control.operate.grants.tokens import create_grant
from mission_control.web.pages.actions import ACTIONS
from mission_control.web.pages.views.table import VIEWS
from tests.stage.seeded_history import HOSTILE, seed
from tests.stage.stored_keys import stored_keys
from tests.stage.web import Web

if TYPE_CHECKING:
    import httpx

    from mission_control.installation.installation import Installation

MOST_BYTES = 60_000


@pytest.fixture
def web(installation: Installation) -> Web:
    """A server of an installation with a history."""
    seed(installation, runs_each=60)
    return Web(installation)


def addresses(installation: Installation) -> list[str]:
    """Return an address of every page."""
    failed = next(run for run in installation.ledger.runs_of("billing", limit=60) if run.error is not None)
    known = {"task_id": "billing", "execution_id": failed.execution_id}
    return [view.address.format(**known) for view in VIEWS]


def post(web: Web, action: str, *fields: tuple[str, str], **more: str) -> httpx.Response:
    body = urlencode([*fields, *more.items()])
    form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    return web.ask("POST", f"/do/{action}", content=body, headers=form)


def test_every_page_is_small_shows_hostile_names_as_text_and_writes_nothing(
    web: Web, installation: Installation
) -> None:
    before, pages = stored_keys(installation.client), addresses(installation)
    for path in pages:
        answer = web.ask("GET", path)
        assert (answer.status_code, path) == (200, path)
        assert len(answer.content) <= MOST_BYTES, path
        assert HOSTILE not in answer.text, path
        assert "style=" not in answer.text, path  # the Content-Security-Policy forbids it
    assert stored_keys(installation.client) == before
    assert "&lt;script&gt;" in web.ask("GET", "/tasks").text


def test_page_of_what_is_not_there_says_what_and_the_way_on(web: Web) -> None:
    for path, words in {"/tasks/biling": "did you mean", "/runs/none@x": "none@x"}.items():
        answer = web.ask("GET", path)
        assert answer.status_code == 404
        assert words in answer.text


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/runs?q=state:broken", "filter, character 7"),
        ("/tasks?q=late%3E5m", "filter, character 1"),
        ("/runs?q=%22", "filter, character"),
        ("/runs?n=0", "no whole number"),
        ("/analytics?last=soon", "last"),
        ("/calendar?month=2026-13", "is no month"),
        ("/?since=then", "since"),
        ("/tasks?page=-1", "no whole number"),
    ],
)
def test_wrong_query_is_refused_with_its_place(web: Web, path: str, words: str) -> None:
    answer = web.ask("GET", path)
    assert answer.status_code == 422
    assert words in answer.text


def test_runs_go_on_where_the_page_before_ended(web: Web, installation: Installation) -> None:
    seen, path = list[str](), "/runs?n=100"
    while path:
        text = web.ask("GET", path).text
        seen += [part.split('"')[0] for part in text.split('name="run" value="')[1:]]
        older = (
            text.partition(">Older<")[0].rpartition('href="')[2].split('"')[0] if ">Older<" in text else ""
        )
        path = f"/runs{older}".replace("&amp;", "&") if older else ""
    assert len(seen) == len(set(seen)) == len(installation.ledger.ids())


def test_task_is_planned_then_saved_then_edited_and_rolled_back(web: Web, installation: Installation) -> None:
    given = {
        "id": "tea",
        "schedule": "daily 09:00",
        "timezone": "Europe/Berlin",
        "handler": "handlers.hello.run",
    }
    plan = post(web, "plan", **given, params="{}", enabled="on")
    assert "every day at 09:00 (Europe/Berlin)" in plan.text
    assert installation.registry.definition("tea") is None
    assert post(web, "save", **given, params="{}", enabled="on").headers["location"] == "/tasks/tea"
    assert (
        post(web, "save", **{**given, "schedule": "daily 10:00"}, enabled="on", base="1").status_code == 303
    )
    taken = post(web, "save", **given, base="1", back="/editor/tea")
    assert "changed by someone else" in taken.text
    assert 'value="daily 09:00"' in taken.text  # what was typed is still there
    post(web, "rollback", task="tea", revision="1")
    task = installation.registry.definition("tea")
    assert task is not None
    assert task.schedule.describe() == "every day at 09:00 (Europe/Berlin)"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"schedule": "dayly 09:00"}, "daily"),
        ({"params": "[1"}, "params"),
        ({"handler": "handlers.none.run"}, "handler"),
        ({"more": '{"overlap": "sometimes"}'}, "overlap"),
        ({"more": '{"id": "x"}'}, "a field of its own"),
    ],
)
def test_wrong_field_of_the_editor_is_named_and_what_was_typed_stays(
    web: Web, fields: dict[str, str], words: str
) -> None:
    given = {"id": "tea", "handler": "handlers.hello.run", "schedule": "every 5m", "back": "/editor"}
    answer = post(web, "plan", **{**given, **fields})
    assert answer.status_code in {409, 422}
    assert words in answer.text
    assert 'value="tea"' in answer.text


def test_task_of_a_file_is_shown_with_its_path_and_not_changed(web: Web, installation: Installation) -> None:
    installation.registry.planned.files.claim({"billing": "/etc/tasks.yaml"})
    assert "/etc/tasks.yaml" in web.ask("GET", "/editor/billing").text
    answer = post(web, "plan", id="billing", handler="handlers.hello.run", base="1", back="/editor/billing")
    assert "belongs to the file /etc/tasks.yaml" in answer.text


def test_tasks_are_paused_with_a_reason_and_resumed(web: Web, installation: Installation) -> None:
    chosen = [("task", "billing"), ("task", "daily_briefing")]
    assert post(web, "pause", *chosen, reason="month end", back="/tasks").status_code == 303
    (one, other) = installation.pauses.read().in_force(installation.clock())
    assert (one.reason, other.reason) == ("month end", "month end")
    assert "month end" in web.ask("GET", "/tasks/billing").text
    post(web, "resume", *chosen)
    assert installation.pauses.read().in_force(installation.clock()) == []


def test_occurrence_is_skipped_and_let_run_again(web: Web, installation: Installation) -> None:
    task = installation.registry.definition("daily_briefing")
    assert task is not None
    due = task.schedule.next_after(installation.clock())
    assert due is not None
    post(web, "skip", task="daily_briefing", at=due.isoformat())
    assert "will be skipped" in web.ask("GET", "/tasks/daily_briefing").text
    post(web, "unskip", task="daily_briefing", at=due.isoformat())
    assert "will be skipped" not in web.ask("GET", "/tasks/daily_briefing").text


def test_failed_run_is_retried_and_a_waiting_one_cancelled(web: Web, installation: Installation) -> None:
    failed = next(run for run in installation.ledger.runs_of("billing", limit=60) if run.error is not None)
    answer = post(web, "retry", run=failed.execution_id)
    again = answer.headers["location"].removeprefix("/runs/").replace("%40", "@")
    assert installation.ledger.get(again) is not None
    post(web, "cancel", run=again, reason="not now")
    cancelled = installation.ledger.get(again)
    assert cancelled is not None
    assert (str(cancelled.state), cancelled.reason) == ("cancelled", "not now")


def test_capsule_has_all_of_a_run(web: Web, installation: Installation) -> None:
    run = installation.ledger.runs_of("billing", limit=1)[0]
    found = json.loads(web.ask("GET", f"/runs/{run.execution_id}/capsule.json").text)
    assert found["run"]["execution_id"] == run.execution_id
    assert {"why", "path", "log", "audit"} <= found.keys()


@pytest.mark.parametrize(
    "back", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", ""]
)
def test_form_leads_to_no_other_site(web: Web, back: str) -> None:
    assert post(web, "theme", theme="dark", back=back).headers["location"] == "/"


def test_form_that_names_nothing_or_nonsense_is_refused(web: Web) -> None:
    assert post(web, "pause", back="/tasks").status_code == 422
    assert post(web, "pause", task="billing", until="someday", back="/tasks").status_code == 422
    assert post(web, "run", task="billing", params="3", back="/tasks").status_code == 422
    assert post(web, "explode").status_code == 404


def test_schedule_that_is_typed_is_explained_with_clock_changes(web: Web) -> None:
    asked = urlencode({"schedule": "daily 02:30", "timezone": "Europe/Berlin"})
    text = web.ask("GET", f"/preview?{asked}", headers={"Cookie": "mc_zone=America/New_York"}).text
    assert "every day at 02:30 (Europe/Berlin)" in text
    assert "Yours: America/New_York" in text
    assert "clocks go forward by 1 h" in text
    assert "dayly" in web.ask("GET", "/preview?schedule=dayly").text
    for text, said in (('{"a": 1, "a": 2}', "has the key"), ('{"":' * 1_200, "is no JSON")):
        assert said in web.ask("GET", "/preview", params={"schedule": text}).text


def test_ten_thousand_tasks_of_one_name_are_shown_a_page_at_a_time(
    web: Web, installation: Installation
) -> None:
    first = installation.registry.definition("billing")
    assert first is not None
    stored: Any = installation.client.hgetall(installation.redbeat_keys.entry("billing"))
    names = [f"many_{at:05d}" for at in range(10_000)]
    with installation.client.pipeline(transaction=False) as pipe:
        for name in names:
            text: Any = {key: one.replace('"billing"', f'"{name}"') for key, one in stored.items()}
            pipe.hset(installation.redbeat_keys.entry(name), mapping=text)
        pipe.sadd("mc:tasks", *names)
        pipe.execute()
    answer = web.ask("GET", "/tasks?q=task:many_*&page=200")
    assert answer.status_code == 200
    assert "many_09999" in answer.text
    assert len(answer.content) <= MOST_BYTES


def test_caller_without_the_permission_is_refused(installation: Installation) -> None:
    given = {"name": "reader", "permissions": ["read"]}
    parts = (installation.grants, installation.budgets, given)
    _, token = create_grant(*parts, lasts=timedelta(days=1), now=installation.clock())
    reader, header = Web(installation), {"Authorization": f"Bearer {token}"}
    assert reader.ask("GET", "/tasks", headers=header).status_code == 200
    refused = {name for name, (permission, _) in ACTIONS.items() if permission != "read"}
    assert {name for name in refused if _posted_by(reader, name, header) != 403} == set()


def _posted_by(web: Web, action: str, header: dict[str, str]) -> int:
    return web.ask("POST", f"/do/{action}", content="task=billing", headers=header).status_code
