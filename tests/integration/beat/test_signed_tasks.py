"""A beat with a signing key, and an attacker who reaches Redis without it: only signed tasks fire."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from celery.schedules import schedule
from redbeat import RedBeatSchedulerEntry

from mission_control import enable_task, enqueue, get_task, list_tasks, register_task
from mission_control.errors import InvalidTaskError
from mission_control.installation.installation import create_app, current_installation
from mission_control.messaging.transport.message_signature import check_signature
from mission_control.signing.keyring import Keyring
from tests.processes.beats import messages, sent_ids
from tests.processes.still_beats import HANDLER, NINE, beat_of, task
from tests.stage.command_line import mc
from tests.stage.quarantine import quarantined_tasks

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

OLD, NEW = "o" * 32, "n" * 32
BEFORE, NEXT_DAY = NINE - timedelta(hours=1), NINE + timedelta(days=1)
FIRED = "nine@20260302T090000Z"


@pytest.fixture
def signed(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation whose tasks are signed, with a task that is due at nine."""
    assert not installation.settings.signing_key
    return rotated(monkeypatch, OLD)


def rotated(environment: pytest.MonkeyPatch, keys: str) -> Installation:
    environment.setenv("MISSION_CONTROL_SIGNING_KEY", keys)
    return current_installation()


def register(name: str = "nine", **fields: Any) -> None:
    with time_machine.travel(BEFORE, tick=False):
        assert register_task(task(name, **fields))


def fire(installation: Installation, moment: Any = NINE) -> list[str]:
    """Let a beat take its turn, and return the ids of all runs sent so far."""
    with time_machine.travel(moment, tick=False):
        beat_of(installation).tick()
    return sent_ids(installation.client)


def rewrite(installation: Installation, name: str = "nine", **changes: Any) -> None:
    """Change a stored task as an attacker would, who has no key."""
    text = str(installation.client.hget(f"redbeat:{name}", "task"))
    installation.client.hset(f"redbeat:{name}", "task", json.dumps({**json.loads(text), **changes}))


@pytest.mark.parametrize("fields", [{}, {"timeout_seconds": 20, "priority": 5, "expires_seconds": 60}])
def test_fired_message_and_run_carry_valid_signatures(signed: Installation, fields: dict[str, Any]) -> None:
    register(params={"a": "ü"}, **fields)
    with time_machine.travel(NINE, tick=False):
        beat_of(signed).tick()
        (run,) = signed.ledger.runs_of("nine")
        (message,) = messages(signed.client, "default\x06\x163" if fields else "default")
        key = Keyring((OLD.encode(),))
        check_signature(message, "default", key, NINE.timestamp(), NINE.timestamp)
        assert signed.ledger.signature_problem(run.execution_id) is None


def assert_refused(task_id: str, words: str) -> None:
    """Check that a task is shown with its problem, and neither run, nor edited into a signed one."""
    found = get_task(task_id)
    assert found is not None
    assert words in str(found["execution_history"]["problem"])
    for attempt in (lambda: enqueue(task_id), lambda: enable_task(task_id)):
        with pytest.raises(InvalidTaskError, match=words):
            attempt()


@pytest.mark.parametrize(
    "changes", [{"params": {"name": "evil"}}, {"handler": "handlers.http_request.run"}, {"queue": "other"}]
)
def test_task_that_was_changed_in_redis_does_not_fire(signed: Installation, changes: dict[str, Any]) -> None:
    register()
    rewrite(signed, **changes)

    assert_refused("nine", "its signature is that of something else")
    assert fire(signed) == []

    assert "its signature is that of something else" in problem_of(signed, "nine")
    assert signed.registry.definitions() == []  # which a task file is exported from


def test_task_that_took_over_another_ones_signature_does_not_fire(signed: Installation) -> None:
    register()
    register("ten")
    for field in ("task", "signature"):
        stolen = str(signed.client.hget("redbeat:nine", field))
        signed.client.hset("redbeat:ten", field, stolen)

    assert fire(signed) == [FIRED]
    assert "the task's id is 'nine'" in problem_of(signed, "ten")


def test_task_is_back_once_it_is_applied_or_signed_again(signed: Installation) -> None:
    register()
    register("ten")
    for name in ("nine", "ten"):
        signed.client.hdel(f"redbeat:{name}", "signature")
    assert fire(signed) == []

    with time_machine.travel(NINE, tick=False):
        assert signed.registry.apply(signed.registry.check.parse(task())) == "updated"
        assert mc("task", "sign", "ten").err == "ten: signed\n"
        assert mc("task", "sign", "--all").err == "nine: is already signed\nten: is already signed\n"

    assert fire(signed, NEXT_DAY) == ["nine@20260303T090000Z", "ten@20260303T090000Z"]


@pytest.mark.usefixtures("signed")
def test_key_is_rotated_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    register(overlap="allow")
    register("forgotten", overlap="allow")
    both = rotated(monkeypatch, f"{NEW},{OLD}")
    assert sorted(fire(both)) == ["forgotten@20260302T090000Z", FIRED]

    with time_machine.travel(NINE, tick=False):
        assert mc("task", "sign", "nine").code == 0
    new = rotated(monkeypatch, NEW)

    assert fire(new, NEXT_DAY)[2:] == ["nine@20260303T090000Z"]
    assert "signed with another key than those of MISSION_CONTROL_SIGNING_KEY" in problem_of(new, "forgotten")


def test_redbeat_entry_does_not_fire_where_tasks_are_signed(signed: Installation) -> None:
    with time_machine.travel(BEFORE, tick=False):
        app = create_app("other", lambda: signed)
        RedBeatSchedulerEntry("theirs", HANDLER, schedule(60), app=app).save()

    assert fire(signed) == []
    assert "it is not signed" in problem_of(signed, "theirs")


def test_task_that_redbeat_enables_stays_disabled_where_tasks_are_signed(signed: Installation) -> None:
    register(enabled=False)
    key, enabled = "redbeat:nine", '"enabled": true'
    disabled = str(signed.client.hget(key, "definition"))
    signed.client.hset(key, "definition", disabled.replace('"enabled": false', enabled))

    assert fire(signed) == []
    assert list_tasks() == []
    assert signed.client.hget(key, "definition") == disabled


def problem_of(installation: Installation, name: str) -> str:
    return quarantined_tasks(installation.client, installation.redbeat_keys)[name]
