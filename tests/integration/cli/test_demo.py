from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.house.repository import ROOT
from tests.stage.command_line import run_program, start_program
from tests.stage.waiting import wait_until

pytestmark = pytest.mark.starts_early


def test_demo_shows_each_attempt_once_and_stays_up_until_stopped(tmp_path: Path) -> None:
    elsewhere = {"MISSION_CONTROL_REDIS_URL": "redis://127.0.0.1:1/0"}
    with start_program("demo", "--keep", folder=tmp_path, environment=elsewhere) as process:
        assert process.stderr is not None
        said = ""
        while "staying up" not in said:
            line = process.stderr.readline()
            assert line, f"the demo ended early: {said}"
            said += line
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert "your own tasks are not touched" in said
    assert "every 3 seconds" in said
    (stream,) = tmp_path.glob("data/demo/*/logs/task_execution.jsonl")
    records = [json.loads(line) for line in stream.read_text().splitlines()]
    flaky = [one for one in records if one["task_id"] == "flaky_report"]
    assert [(one["status"], one["attempt"], one["final"]) for one in flaky] == [
        ("retry", 1, False),
        ("success", 2, True),
    ]
    assert {one["trigger"] for one in records} == {"schedule"}
    assert [out.count(one) for one in ("fails on purpose", "the second attempt succeeded")] == [1, 1]
    assert str(stream.relative_to(tmp_path)) in out
    (briefing,) = tmp_path.glob("data/demo/*/briefings/*.md")
    assert str(briefing.relative_to(tmp_path)) in out
    assert processes_in(tmp_path) == []


def test_demo_leaves_the_rest_of_the_data_directory_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "tasks" / "scheduled_tasks.json"
    file.parent.mkdir(parents=True)
    file.write_text("not even JSON")
    with start_program("demo", folder=tmp_path) as process:
        wait_until(lambda: list(tmp_path.glob("data/demo/*/redis")), "the demo's own server is there")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "interrupted" in err
    assert file.read_text() == "not even JSON"
    assert sorted(one.name for one in (tmp_path / "data").iterdir()) == ["demo", "tasks"]
    assert processes_in(tmp_path) == []


@pytest.mark.parametrize("command", ["demo", "up"])
def test_beat_that_cannot_start_is_reported_with_its_last_lines(tmp_path: Path, command: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif 'beat.app' in sys.orig_argv:\n    raise SystemExit('beat is out of order')\n"
    )
    answer = run_program(command, folder=tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert answer.code == 1
    assert "error: beat ended with exit code" in answer.err
    assert "beat is out of order" in answer.err
    assert processes_in(tmp_path) == []


def processes_in(folder: Path) -> list[psutil.Process]:
    """Return the processes that still work in `folder`."""
    found = []
    for one in psutil.process_iter():
        try:
            is_here = Path(one.cwd()).is_relative_to(folder) and one.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            continue
        if is_here:
            found.append(one)
    return found
