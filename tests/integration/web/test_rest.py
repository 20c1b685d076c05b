"""REST: what it answers to good and bad requests, on a real installation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mission_control.ledger.ledger import Ledger
from mission_control.operate import search_plan
from tests.stage.stored_keys import stored_keys
from tests.stage.web import Web

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

TEA = {"id": "tea", "schedule": "every 1h", "handler": "handlers.hello.run"}


@pytest.fixture
def web(installation: Installation) -> Web:
    assert installation.registry.register(TEA)
    return Web(installation)


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_task_is_created_shown_changed_and_removed(web: Web, installation: Installation) -> None:
    made = web.api("POST", "/tasks", json={**TEA, "id": "coffee", "params": {"password": "hush"}})
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert "hush" not in made.text
    shown = web.api("GET", "/tasks/coffee")
    assert (shown.json()["schedule"]["hours"], shown.json()["execution_history"]["state"]) == (1, "enabled")
    changed = web.api("PATCH", "/tasks/coffee?reason=louder", json={"retry_policy": {"max_retries": 7}})
    policy = changed.json()["retry_policy"]
    assert (policy["max_retries"], policy["retry_delay_seconds"], changed.headers["etag"]) == (7, 300, '"2"')
    back = web.api("POST", "/tasks/coffee/rollback", json={"to": 1})
    assert (back.json()["retry_policy"]["max_retries"], back.headers["etag"]) == (3, '"3"')
    numbers = [
        one["metadata"]["revision"] for one in web.api("GET", "/tasks/coffee/revisions").json()["items"]
    ]
    assert numbers == [3, 2, 1]
    assert web.api("DELETE", "/tasks/coffee").json() == {"removed": "coffee"}
    assert installation.registry.ids() == ["tea"]


def test_change_of_another_revision_is_refused_and_changes_nothing(web: Web) -> None:
    for method, body in (("PUT", TEA), ("PATCH", {"description": "x"}), ("DELETE", None)):
        answer = web.api(method, "/tasks/tea", json=body, headers={"If-Match": '"4"'})
        assert code_of(answer) == (412, "revision_differs")
    assert web.api("PATCH", "/tasks/tea", json={"description": "x"}, headers={"If-Match": '"1"'}).is_success
    assert web.api("GET", "/tasks/tea").headers["etag"] == '"2"'
    assert code_of(web.api("PUT", "/tasks/new", json=TEA, headers={"If-Match": '"1"'}))[0] == 422


@pytest.mark.parametrize(
    ("method", "path", "body", "change"),
    [
        ("POST", "/tasks", {**TEA, "id": "new"}, "created"),
        ("PUT", "/tasks/tea", {**TEA, "schedule": "every 2h"}, "updated"),
        ("PATCH", "/tasks/tea", {"description": "x"}, "updated"),
        ("DELETE", "/tasks/tea", None, "removed"),
    ],
)
def test_dry_run_answers_the_plan_and_does_nothing(
    method: str, path: str, body: Any, change: str, web: Web, installation: Installation
) -> None:
    before = installation.registry.tasks()
    answer = web.api(method, f"{path}?dry_run=1", json=body)
    assert [one["change"] for one in answer.json()["tasks"]] == [change]
    assert installation.registry.tasks() == before


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "place"),
    [
        ("POST", "/tasks", {**TEA, "id": "new", "schedule": {"type": "dayly"}}, 422, "schedule.type"),
        ("POST", "/tasks", TEA, 409, "id"),
        ("POST", "/tasks", [1], 422, "body"),
        ("PUT", "/tasks/tea", {**TEA, "id": "other"}, 422, "id"),
        ("PATCH", "/tasks/tea", {"colour": "red"}, 422, "colour"),
        ("POST", "/tasks/tea/run", {"priority": 99}, 422, "priority"),
        ("POST", "/tasks/tea/run", {"at": "never"}, 422, "at"),
        ("POST", "/tasks/tea/move", {"to": "soon"}, 422, "to"),
        ("POST", "/tasks/tea/pause", {"until": "2020-01-01T00:00:00Z"}, 422, "--until"),
        ("POST", "/schedules/preview", {"schedule": "every blue moon"}, 422, "schedule"),
        ("POST", "/schedules/preview", {"schedule": "every 1h", "count": 1_000_000}, 422, "count"),
        ("PUT", "/limits/gpu", {"concurrency": -1}, 422, "concurrency"),
        ("POST", "/grants", {"grant": {"name": "a", "permissions": ["read"]}, "lasts": -1}, 422, "lasts"),
        ("GET", "/tasks?limit=1000000", None, 422, "query.limit"),
        ("GET", "/tasks?sort=id", None, 422, "query.sort"),
        ("GET", "/runs?sort=id", None, 422, "query.sort"),
        ("GET", "/runs?cursor=zzz", None, 422, "cursor"),
        ("GET", "/tasks/tea/why?at=9999-01-01T00:00:00Z", None, 422, "query.at"),
        ("GET", "/account?from=2200-01-01T00:00:00Z", None, 422, "from"),
    ],
)
def test_wrong_request_is_answered_with_the_place(
    method: str, path: str, body: Any, status: int, place: str, web: Web
) -> None:
    answer = web.api(method, path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert place in [one["path"] for one in answer.json()["problems"]]


def test_path_that_is_not_there_is_said(web: Web) -> None:
    assert code_of(web.api("GET", "/tasks/none")) == (404, "unknown_task")
    assert code_of(web.api("GET", "/runs/none@1")) == (404, "unknown_run")
    assert code_of(web.api("GET", "/nothing")) == (404, "not_found")
    assert code_of(web.api("DELETE", "/tasks")) == (405, "method_not_allowed")


def test_run_is_started_shown_explained_cancelled_and_repeated(web: Web) -> None:
    started = web.api(
        "POST", "/tasks/tea/run", json={"params": {"name": "Ada", "token": "hush"}, "delay": "1h"}
    )
    name = started.json()["execution_id"]
    shown = web.api("GET", f"/runs/{name}")
    assert (shown.json()["state"], shown.json()["params"]["token"]) == ("dispatched", "***")
    assert "p50" in shown.json()["eta"]
    assert web.api("GET", f"/runs/{name}/why").json()["verdict"] == "waiting"
    assert web.api("POST", f"/runs/{name}/cancel", json={}).json()["reply"] == "cancelled"
    (attempt,) = web.api("GET", f"/runs/{name}/attempts").json()["items"]
    assert attempt["status"] == "cancelled"
    again = web.api("POST", f"/runs/{name}/retry").json()["execution_id"]
    assert again != name
    assert [one["execution_id"] for one in web.api("GET", "/runs").json()["items"]] == [again, name]


def test_pages_of_runs_have_each_run_once_though_one_ends_meanwhile(web: Web) -> None:
    ids = [
        web.api("POST", "/tasks/tea/run", json={"overlap": "allow"}).json()["execution_id"] for _ in range(7)
    ]
    for name in ids[:3]:
        web.api("POST", f"/runs/{name}/cancel", json={})
    expected = [*ids[3:], *reversed(ids[:3])]
    for path in ("/runs?limit=2", "/runs?q=task:tea&limit=3"):
        found, cursor = [], ""
        while cursor is not None:
            page = web.api("GET", path, params={"cursor": cursor} if cursor else {}).json()
            found += [one["execution_id"] for one in page["items"]]
            cursor = page["next"]
        assert sorted(found) == sorted(expected)
        if "task" not in path:
            assert found == expected


def test_pages_of_tasks_have_each_task_once(web: Web, installation: Installation) -> None:
    for name in ("a", "b", "z"):
        installation.registry.register({**TEA, "id": name})
    first = web.api("GET", "/tasks?limit=3").json()
    second = web.api("GET", "/tasks", params={"limit": 3, "cursor": first["next"]}).json()
    found = [one["id"] for one in first["items"] + second["items"]]
    assert (found, second["next"]) == (["a", "b", "tea", "z"], None)


def test_repeated_request_with_a_key_is_done_once(web: Web) -> None:
    how: dict[str, Any] = {"json": {}, "headers": {"Idempotency-Key": "k1"}}
    first, second = (web.api("POST", "/tasks/tea/run", **how) for _ in range(2))
    assert (first.json(), first.status_code) == (second.json(), second.status_code)
    assert (len(web.api("GET", "/runs").json()["items"]), second.headers["idempotency-replayed"]) == (
        1,
        "true",
    )
    other = web.api("POST", "/tasks/tea/run", json={"priority": 1}, headers=how["headers"])
    assert code_of(other) == (422, "key_reused")
    for _ in range(2):  # an error is not kept
        wrong = web.api("POST", "/tasks/none/run", json={}, headers={"Idempotency-Key": "k2"})
        assert (code_of(wrong), "idempotency-replayed" in wrong.headers) == ((404, "unknown_task"), False)


def test_preview_says_when_clocks_change(web: Web) -> None:
    wish = {
        "schedule": "daily 09:00",
        "timezone": "Europe/Berlin",
        "after": "2026-03-28T12:00:00Z",
        "count": 2,
    }
    found = web.api("POST", "/schedules/preview", json=wish).json()
    assert found["schedule"] == "every day at 09:00 (Europe/Berlin)"
    assert [one["scheduled_time"] for one in found["items"]] == [
        "2026-03-29T07:00:00Z",
        "2026-03-30T07:00:00Z",
    ]
    assert ["clocks" in one for one in found["items"]] == [True, False]


def test_bulk_does_nothing_if_another_number_was_expected(web: Web, installation: Installation) -> None:
    installation.registry.register({**TEA, "id": "coffee", "tags": ["hot"]})
    wish = {"action": "disable", "selection": {"q": "tag:hot"}, "expect_count": 2}
    assert code_of(web.api("POST", "/bulk/tasks", json=wish)) == (409, "count_differs")
    done = web.api("POST", "/bulk/tasks", json={**wish, "expect_count": 1}).json()["items"]
    assert done == [{"id": "coffee", "done": True}]
    states = {one["id"]: one["enabled"] for one in installation.registry.tasks(enabled_only=False)}
    assert states == {"coffee": False, "tea": True}
    wish = {"action": "remove", "ids": ["tea", "none"], "expect_count": 2}
    done = web.api("POST", "/bulk/tasks", json=wish).json()["items"]
    assert [(one["done"], one.get("code")) for one in done] == [(True, None), (False, "unknown_task")]


def test_get_writes_nothing(web: Web, installation: Installation) -> None:
    name = web.api("POST", "/tasks/tea/run", json={}).json()["execution_id"]

    def stored() -> dict[str, bytes]:
        keys = stored_keys(installation.client).items()
        logs = {str(one): one.read_bytes() for one in installation.settings.data_dir.rglob("*.jsonl")}
        return {**logs, **{key: value for key, value in keys if not key.startswith("_kombu")}}

    before = stored()
    paths = [
        path for path, verbs in web.app.openapi()["paths"].items() if "get" in verbs and "events" not in path
    ]
    for path in paths:
        filled = path.replace("{task_id}", "tea").replace("{execution_id}", name)
        web.ask("GET", filled.replace("{section}", "limits").replace("{name}", "gpu"))
    assert len(paths) > 20
    assert stored() == before


def test_redis_that_is_away_is_said(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    from redis.exceptions import ConnectionError as Away

    def away(*_: object, **__: object) -> None:
        raise Away("gone")

    monkeypatch.setattr(Ledger, "get", away)
    answer = web.api("GET", "/runs/tea@1")
    assert (code_of(answer), answer.headers["retry-after"]) == ((503, "store_unavailable"), "5")


def test_filter_is_refused_at_its_character_or_with_what_it_would_look_at(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = web.api("GET", "/runs", params={"q": "task:tea state:faild"})
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["position"]) == (422, "invalid_filter", 15)
    assert 'did you mean "failed"' in wrong.json()["detail"]
    monkeypatch.setattr(search_plan, "MOST_SCANNED", -1)
    wide = web.api("GET", "/runs", params={"q": "error:timeout state:failed"})
    assert (wide.status_code, wide.json()["code"], wide.json()["to_scan"]) == (422, "wide_search", 0)
