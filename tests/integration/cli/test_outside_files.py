"""The real program, given files that have no end, never answer, or unpack to more than the memory."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.house.repository import ROOT
from tests.stage.command_line import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation

MEBIBYTE = 1024 * 1024
MOST_MEMORY = 160 * MEBIBYTE
WITH_LITTLE_MEMORY = (
    f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({MOST_MEMORY}, {MOST_MEMORY}));"
    "from mission_control.cli import main; main()"
)


def test_calendar_that_is_a_pipe_or_a_device_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ics")
    excluded = [{"ics": "pipe.ics"}, {"ics": "/dev/zero"}]
    schedule = {"type": "daily", "time": "09:00", "exclude": excluded}
    answer = run_program("next", "--schedule", json.dumps(schedule), folder=tmp_path)
    assert answer.code == 2
    remedy = "cannot be read: it is not a regular file; save its content to one"
    assert f"'pipe.ics' {remedy}" in answer.err
    assert f"'/dev/zero' {remedy}" in answer.err


def test_packed_audit_file_that_unpacks_to_all_memory_is_verified(installation: Installation) -> None:
    logs = installation.settings.task_execution_log.parent
    logs.mkdir(parents=True)
    # A file of several parts, as gzip allows, that unpacks to one line.
    packed = gzip.compress(b"x" * MEBIBYTE) * (MOST_MEMORY // MEBIBYTE)
    assert len(packed) < MEBIBYTE
    (logs / "task_execution.jsonl.1.gz").write_bytes(packed)
    command = [sys.executable, "-c", WITH_LITTLE_MEMORY, "audit", "verify", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=logs, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["streams"]["runs"]["counts"] == {"unreadable": 1}
