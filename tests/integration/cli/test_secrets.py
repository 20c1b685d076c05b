"""Secrets in what commands show, and who may have them revealed."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from tests.stage.command_line import mc
from tests.stage.second_user import as_second_user

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("installation")

PARAMS = {
    "password": "hunter2",
    "door": "open-sesame",
    "url": "https://hooks.slack.com/services/T0/B0/xyzzy",
    "args": ["--token", "plugh"],
    "key": {"secret": "env:FRONT_DOOR"},
    "name": "Ada",
}
SECRETS = ("hunter2", "open-sesame", "xyzzy", "plugh", "FRONT_DOOR")
MASKED = {
    "password": "***",
    "door": "***",
    "url": "https://hooks.slack.com/***",
    "args": ["--token", "***"],
    "key": "***",
    "name": "Ada",
}
SCHEDULE = '{"type": "daily", "time": "09:00"}'


def add(*args: str) -> None:
    definition = {
        "id": "door",
        "schedule": json.loads(SCHEDULE),
        "handler": "handlers.hello.run",
        "params": PARAMS,
        "secret": ["door"],
    }
    answer = mc("task", "add", "--file", "-", *args, stdin=json.dumps(definition))
    assert answer.code == 0, answer.err
    assert not any(one in answer.out + answer.err for one in SECRETS)


def test_commands_show_params_with_secrets_masked(tmp_path: Path) -> None:
    add("--dry-run")
    add()
    changed = json.dumps({**PARAMS, "password": "hunter2-new", "args": ["--token", "plugh-new"]})
    for command in (
        ("task", "show", "door"),
        ("task", "show", "door", "--json"),
        ("task", "list", "--json"),
        ("task", "update", "door", "--params", changed, "--dry-run"),
        ("task", "update", "door", "--params", changed, "--json"),
        ("task", "revisions", "door"),
        ("task", "revisions", "door", "--json"),
        ("tasks", "export", "-"),
        ("task", "export", "door", "--format", "yaml"),
        ("task", "run", "door", "--dry-run", "--params", '{"door": "open-sesame"}'),
        ("audit", "tail", "--json"),
    ):
        answer = mc(*command)
        assert answer.code == 0, (command, answer.err)
        assert not [one for one in SECRETS if one in answer.out + answer.err], command
    assert mc("task", "show", "door", "--json").json["params"] == MASKED
    changes = (tmp_path / "data" / "logs" / "task_changes.jsonl").read_text()
    assert not [one for one in SECRETS if one in changes]
    assert mc("task", "add", "--params", '{"password": "hunter2"').err.count("hunter2") == 0


def test_owner_reveals_secrets_and_another_user_is_refused(tmp_path: Path) -> None:
    add()
    commands = (("task", "show", "door"), ("task", "list"), ("task", "revisions", "door"))
    for command in commands:
        shown = mc(*command, "--json", "--reveal").json
        assert (shown[0] if isinstance(shown, list) else shown)["params"] == PARAMS
    assert mc("tasks", "export", "-", "--reveal").json["tasks"][0]["params"] == PARAMS
    assert mc("tasks", "export", str(tmp_path / "tasks.json")).code == 0
    assert mc("tasks", "apply", str(tmp_path / "tasks.json"), "--json").json["unchanged"] == ["door"]

    asked = [(*command, "--json", "--reveal") for command in commands]
    asked += [("tasks", "export", "-", "--reveal"), ("tasks", "export", str(tmp_path / "other.json"))]
    with as_second_user() if os.geteuid() == 0 else nullcontext():
        refused = [mc(*command, "-C", "/") for command in asked]  # which belongs to root
    for answer in refused:
        assert (answer.code, answer.out) == (4, ""), answer.err
        assert "secrets are shown only to the owner of the data directory" in answer.err
    assert not (tmp_path / "other.json").exists()
