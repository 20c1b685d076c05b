"""Holders of grants change their own tasks only, within their bounds, whatever else goes on."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest

from mission_control.audit.stream.reader import tail
from mission_control.errors import GrantRefusedError, InvalidTaskError, UnknownApprovalError, UnknownTaskError
from mission_control.model.definitions.schedules.clock.wall_clock import last_instant
from mission_control.operate.assembly import granted_changes as changes_of
from mission_control.operate.grants.tokens import holder_of, revoke_grant
from mission_control.registry.checked_task import CheckedTask
from mission_control.store import redis_keys
from tests.samples.grants import HELLO, apply, created, wanted
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


def records(installation: Installation, actor: str) -> list[tuple[str, str, str | None]]:
    found = tail(installation.settings.task_changes_log, 200)
    return [(one["task_id"], one["change"], one["reason"]) for one in found if one["actor"] == actor]


def test_task_of_a_holder_has_its_owner_and_budget_and_expires(installation: Installation) -> None:
    grant, _ = created(installation, expire_tasks="2d")
    changes = changes_of(installation)
    assert apply(changes, grant, wanted("tea")) == {"tea": "created"}
    (task,) = installation.registry.definitions()
    end = last_instant(str(task.schedule.end), task.schedule.zone)
    assert (task.owner, [one.name for one in task.budgets]) == ("grant:agent", ["grant:agent"])
    assert timedelta(days=1, hours=23) < end - installation.clock() <= timedelta(days=2)
    assert changes.grants.tasks_of(grant) == {"tea": end}
    assert ("tea", "registered", None) in records(installation, "grant:agent")
    assert apply(changes, grant, wanted("tea")) == {"tea": "renewed"}
    assert apply(changes, grant, wanted("tea", "every 2h")) == {"tea": "updated"}
    assert apply(changes, grant, remove=("tea",)) == {"tea": "removed"}
    assert changes.own_tasks(grant) == []


def test_renewed_task_is_unchanged_whatever_second_it_is_written_in(installation: Installation) -> None:
    grant, _ = created(installation)
    changes = changes_of(installation)
    steps = count()
    ticking = replace(changes, clock=lambda: installation.clock() + timedelta(seconds=next(steps)))
    assert apply(ticking, grant, wanted("tea")) == {"tea": "created"}
    (task,) = installation.registry.definitions()
    assert changes.grants.tasks_of(grant) == {"tea": last_instant(str(task.schedule.end), task.schedule.zone)}
    assert apply(ticking, grant, wanted("tea")) == {"tea": "renewed"}


def test_holder_that_registers_in_a_loop_stops_at_its_quota_when_two_race(installation: Installation) -> None:
    grant, _ = created(installation, max_tasks=3)
    changes = changes_of(installation)

    def register(number: int) -> str:
        task = installation.registry.check.parse_new({**wanted(f"t{number}"), "owner": grant.owner})
        try:  # as if each had decided before the others had written
            return str(
                installation.granted_registry(grant, installation.clock()).planned.write(
                    [(CheckedTask.of(task), None)], None
                )
                == []
            )
        except GrantRefusedError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(register, range(12)))
    assert sorted(answers) == ["True"] * 3 + ["the quota of 3 tasks is used up"] * 9
    assert len(changes.own_tasks(grant)) == 3
    with pytest.raises(GrantRefusedError, match="quota of 3 tasks is used up"):
        apply(changes, grant, wanted("more"))
    assert records(installation, "grant:agent")[-1][:2] == ("more", "refused")
    gone = changes.own_tasks(grant)[0].id
    installation.registry.unregister(gone)  # by the operator
    assert apply(changes, grant, wanted("more")) == {"more": "created"}
    client = installation.client
    client.zadd(redis_keys.granted_tasks("agent"), {"more": 1.0})  # it has expired
    assert apply(changes, grant, wanted("another")) == {"another": "created"}


def test_tasks_of_others_are_neither_seen_nor_changed(installation: Installation) -> None:
    grant, _ = created(installation)
    other, _ = created(installation, name="other")
    changes = changes_of(installation)
    installation.registry.register(wanted("ours"))
    apply(changes, other, wanted("theirs"))
    for task_id in ("ours", "theirs", "missing"):
        with pytest.raises(UnknownTaskError, match="no task of this grant"):
            changes.own_task(grant, task_id)
        with pytest.raises(UnknownTaskError, match="no task of this grant"):
            changes.plan(grant, [], [task_id])
    for task_id in ("ours", "theirs"):
        with pytest.raises(GrantRefusedError, match="is no task of this grant"):
            apply(changes, grant, wanted(task_id, "every 2h"))
        with pytest.raises(GrantRefusedError, match="no task of this grant"):
            apply(changes, grant, wanted("mine", None, after=[{"task": task_id}]))
        (task,) = installation.registry.some([task_id])
        writing = installation.granted_registry(grant, installation.clock()).planned
        (seen,) = writing.stored([task_id])
        with pytest.raises(GrantRefusedError, match="the id is taken"):
            writing.write([(CheckedTask.of(task), seen)], None)
    assert {one.owner for one in installation.registry.definitions()} == {"api", "grant:other"}


def test_plan_that_is_no_longer_true_is_refused(installation: Installation) -> None:
    grant, _ = created(installation)
    changes = changes_of(installation)
    plan = changes.plan(grant, [wanted("tea")])
    assert plan.digest == changes.plan(grant, [wanted("tea")]).digest
    with pytest.raises(GrantRefusedError, match="plan again"):
        changes.apply(grant, [wanted("tea", "every 2h")], [], plan.digest)
    apply(changes, grant, wanted("tea"))
    with pytest.raises(GrantRefusedError, match="plan again"):
        changes.apply(grant, [wanted("tea")], [], plan.digest)


def test_change_above_the_threshold_waits_and_is_allowed_once(installation: Installation) -> None:
    grant, _ = created(installation, approve_above="24/d", min_interval="1m")
    changes = changes_of(installation)
    assert apply(changes, grant, wanted("tea", "every 2h")) == {"tea": "created"}
    both = apply(
        changes, grant, wanted("often", "every 30m"), wanted("later", None, after=[{"task": "often"}])
    )
    assert both == {"often": "waits for an approval", "later": "waits for an approval"}
    assert [one.id for one in changes.own_tasks(grant)] == ["tea"]
    listed = {one["task_id"]: one for one in mc("approvals", "list", "--json").json}
    assert "2 changes of holders of grants" in mc("status").out
    for damaged in ("{", "[]", '{"holder": "agent"}', json.dumps({**listed["often"], "definition": 7})):
        installation.client.hset(redis_keys.asked_approvals("agent"), "x", damaged)
        shown = mc("approvals", "list").out
        assert ("every 30 minutes" in shown, shown.count("agent")) == (True, 2), shown
    installation.client.hdel(redis_keys.asked_approvals("agent"), "x")
    first = listed["often"]["id"]
    assert "more than 24 need an approval" in listed["often"]["reason"]
    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(lambda _: attempt(installation, first), range(2)))
    assert [one for one in answers if one == "allowed"] == ["allowed"], answers
    assert "often" in [one.id for one in changes.own_tasks(grant)]
    assert any("allowed by" in (why or "") for _, _, why in records(installation, "grant:agent"))
    second = listed["later"]["id"]
    assert mc("approvals", "deny", second, "--reason", "not now").code == 0
    assert mc("approvals", "allow", second).code == 3
    assert changes.approvals.all() == []


def attempt(installation: Installation, approval_id: str) -> str:
    changes = changes_of(installation)
    try:
        changes.allow(changes.approvals.get(approval_id), who="ada")
    except (UnknownApprovalError, GrantRefusedError) as error:
        return f"refused: {error}"
    return "allowed"


def test_approval_of_a_task_that_has_changed_since_is_refused(installation: Installation) -> None:
    grant, _ = created(installation, approve_above="24/d")
    changes = changes_of(installation)
    apply(changes, grant, wanted("tea", "every 2h"))
    apply(changes, grant, wanted("tea", "every 30m"))
    (asked,) = changes.approvals.all()
    apply(changes, grant, wanted("tea", "every 3h"))
    answer = mc("approvals", "allow", asked.approval_id)
    assert (answer.code, "has changed since" in answer.err) == (4, True)
    apply(
        changes, grant, wanted("tea", "every 20m")
    )  # what waits is another change now: the old id is not it
    assert mc("approvals", "allow", asked.approval_id).code == 3
    assert installation.registry.get("tea")["schedule"]["hours"] == 3  # type: ignore[index]


BEYOND = [
    (wanted("t", handler="handlers.http_request.run"), "handlers.http_request.run is not granted"),
    (wanted("t", "every 1m"), "60 s apart, and 300 s are the least"),
    (wanted("t", {"type": "daily", "times": ["09:00", "09:01"]}), "60 s apart"),
    (wanted("t", "once 2999-01-01T00:00Z"), "is not due before"),
    (wanted("t", params={"deep": [{"secret": "env:TOKEN"}]}), "secret is not granted"),
    (wanted("t", {"type": "daily", "time": "09:00", "exclude": [{"ics": "/etc/passwd"}]}), "ics is not"),
    (wanted("t", condition={"file_changed": "/etc/shadow"}), "file_changed is not granted"),
    (wanted("t", condition="handlers.reminder.run"), "condition: handlers.reminder.run is not granted"),
    (wanted("t", queue="mail"), "queue: is not granted"),
    (wanted("t", priority=9), "priority: is not granted"),
    (wanted("t", owner="grant:other"), "owner: is not granted"),
    (wanted("t", notify={"to": ["boss"]}), "notify: is not granted"),
    (wanted("t", budgets=["theirs"]), "budgets: is not granted"),
    (wanted("t", limits=["theirs"]), "limits: is not granted"),
    (wanted("t", retry_policy={"max_retries": 500, "retry_delay_seconds": 0}), "10 at most"),
]


def test_definition_beyond_the_grant_is_refused_whole(installation: Installation) -> None:
    grant, _ = created(installation)
    installation.budgets.set({"name": "theirs", "runs": "9/d"})
    installation.limits.set({"name": "theirs", "concurrency": 1})
    changes = changes_of(installation)
    for definition, why in BEYOND:
        with pytest.raises((GrantRefusedError, InvalidTaskError), match=why):
            apply(changes, grant, wanted("good"), definition)
    assert installation.registry.ids() == []


def test_forged_expired_and_revoked_tokens_are_refused(installation: Installation) -> None:
    grant, token = created(installation)
    now = installation.clock()
    assert holder_of(installation.grants, token, now) == grant
    assert token not in json.dumps(installation.client.hgetall(redis_keys.GRANTS))
    log = installation.settings.task_changes_log.read_text()
    assert (token in log, grant.token_sha256 in log, "grant:agent" in log) == (False, False, True)
    for forged in ("", None, "mcg_", token[:-1], token.upper(), "x" * 10_000, f"{token}\n"):
        with pytest.raises(GrantRefusedError, match="token"):
            holder_of(installation.grants, forged, now)
    with pytest.raises(GrantRefusedError, match="has expired"):
        holder_of(installation.grants, token, now + timedelta(days=2))
    changes = changes_of(installation)
    apply(changes, grant, wanted("tea"))
    parts = (installation.grants, installation.budgets, changes.approvals)
    assert revoke_grant(*parts, "agent", reason=None, dry_run=False) == ["tea"]
    with pytest.raises(GrantRefusedError, match="may have been revoked"):
        holder_of(installation.grants, token, now)
    assert installation.budgets.users("grant:agent") == [("tea", 1)]


def test_grant_commands_show_a_token_once(installation: Installation) -> None:
    answer = mc("grant", "create", "researcher", "--handlers", HELLO, "--usd", "5/d", "--max-tasks", "2")
    assert (answer.code, answer.out.startswith("mcg_"), "up to 2 tasks" in answer.err) == (0, True, True)
    holder_of(installation.grants, answer.out.strip(), installation.clock())
    shown = mc("grant", "show", "researcher", "--json")
    assert (shown.json["usd"], shown.json["tasks"], "sha256" in shown.out) == ("5/d", [], False)
    assert [one["name"] for one in mc("grant", "list", "--json").json] == ["researcher"]
    assert "0 of 2" in mc("grant", "list").out
    assert installation.budgets.get("grant:researcher").to_dict()["usd"] == "5/d"
    again = mc("grant", "create", "researcher", "--handlers", HELLO)
    assert (again.code, "revoke it first" in again.err) == (2, True)
    wrong = mc("grant", "create", "x/y", "--handlers", "os.system", "--runs", "many", "--tools", "lst")
    assert (wrong.code, all(one in wrong.err for one in ("x/y", "os.system", '"list"'))) == (2, True)
    assert mc("grant", "revoke", "researcher").code == 0
    assert mc("grant", "revoke", "researcher").code == 3
