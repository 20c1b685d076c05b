"""Where a command works: reading never sets up an installation, and `--data-dir` names one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.stage.command_line import mc, run_program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stage.servers import RedisServer

HELLO = "handlers.hello.run"
DAILY = '{"type": "daily", "time": "09:00"}'
OF_AN_INSTALLATION = (
    "status",
    "status --journal",
    "status --quarantine",
    "url",
    "next tea",
    "task list",
    "task show tea",
    "task history tea",
    "task revisions tea",
    "task update tea --priority 3",
    "task enable tea",
    "task disable tea",
    "task run tea",
    "task remove tea --yes",
    "tasks export -",
    "run list",
    "run show tea@1",
    "run logs tea@1",
    "run cancel tea@1",
    "run retry tea@1",
    "audit verify",
    "audit repair",
)


@pytest.mark.parametrize("command", OF_AN_INSTALLATION)
def test_command_outside_an_installation_names_the_ways_and_sets_nothing_up(
    bare_environment: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    assert bare_environment is not None
    answer = mc(*command.split(), "--data-dir", str(tmp_path / "elsewhere"))
    assert (answer.code, answer.out) == (5, "")
    for way in ("mission-control up", "--data-dir", "MISSION_CONTROL_REDIS_URL", str(tmp_path / "elsewhere")):
        assert way in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (("task", "add", "--id", "tea", "--schedule", DAILY, "--handler", HELLO), '"id": "tea"'),
        (("tasks", "apply", "tasks.json"), "+ tea"),
        (("enqueue", HELLO), '"handler": "handlers.hello.run"'),
    ],
    ids=["task add", "tasks apply", "enqueue"],
)
def test_dry_run_outside_an_installation_shows_what_would_be_done_and_leaves_nothing(
    tmp_path: Path, command: tuple[str, ...], shown: str
) -> None:
    (tmp_path / "tmp").mkdir()
    tea = {"id": "tea", "schedule": json.loads(DAILY), "handler": HELLO}
    (tmp_path / "tasks.json").write_text(json.dumps({"tasks": [tea]}))
    answer = run_program(*command, "--dry-run", folder=tmp_path, TMPDIR=str(tmp_path / "tmp"))
    assert answer.code == 0, answer.err
    assert shown in answer.out
    assert "dry run" in answer.err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["tasks.json", "tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_dry_run_on_a_new_redis_writes_nothing(
    bare_environment: pytest.MonkeyPatch, tmp_path: Path, redis_server: RedisServer
) -> None:
    bare_environment.setenv("MISSION_CONTROL_REDIS_URL", redis_server.url)
    with redis_server.client() as client:
        client.flushall()
        assert (
            mc("task", "add", "--id", "tea", "--schedule", DAILY, "--handler", HELLO, "--dry-run").code == 0
        )
        assert mc("enqueue", HELLO, "--dry-run").code == 0
        assert client.keys() == []
    assert list(tmp_path.iterdir()) == []


def test_folder_of_logs_alone_is_no_installation(
    bare_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert bare_environment is not None
    (tmp_path / "data" / "logs").mkdir(parents=True)
    assert mc("task", "list").code == 5
    assert [one.name for one in (tmp_path / "data").iterdir()] == ["logs"]


def test_audit_tail_elsewhere_names_the_ways(bare_environment: pytest.MonkeyPatch) -> None:
    assert bare_environment is not None
    answer = mc("audit", "tail")
    assert "nothing has run yet" in answer.err
    assert "--data-dir" in answer.err


def test_data_directory_is_named_before_or_after_the_verb(tmp_path: Path) -> None:
    definition = ("--id", "tea", "--schedule", DAILY, "--handler", "handlers.hello.run")
    added = run_program("task", "add", *definition, "-C", "mine", folder=tmp_path)
    assert added.code == 0, added.err
    for command in (("-C", "mine", "task", "list"), ("task", "--data-dir=mine", "list")):
        listed = run_program(*command, "--json", folder=tmp_path)
        assert [one["id"] for one in listed.json] == ["tea"], listed.err
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]


def test_unusable_data_directory_is_reported(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert bare_environment is not None
    (tmp_path / "file").write_text("")
    answer = mc("-C", str(tmp_path / "file"), "status")
    assert answer.code == 2
    assert "is a file" in answer.err
