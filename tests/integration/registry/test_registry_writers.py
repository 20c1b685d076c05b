"""Several processes changing the registry at once: nothing is lost, and all traces agree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from mission_control.audit.stream.reader import read_all
from mission_control.installation.installation import Installation, current_installation
from tests.stage.live_installation import YEARLY

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

WRITERS = 4
CHANGES = 12

UPDATING = """
import sys
from mission_control import get_task, update_task

writer, count = sys.argv[1], int(sys.argv[2])
for number in range(count):
    assert update_task("shared", {"params": {**get_task("shared")["params"]}, "name": f"{writer}-{number}"})
"""
REGISTERING = """
import sys
from mission_control import register_task

writer, count = sys.argv[1], int(sys.argv[2])
task = {"schedule": {"type": "cron", "expression": "0 0 29 2 *"}, "handler": "handlers.hello.run"}
for number in range(count):
    assert register_task({"id": f"t-{writer}-{number}", **task})
    if register_task({"id": "contended", **task}):
        print("won")
"""


def run_writers(program: str) -> Sequence[str]:
    """Run a program in several processes at once and return what each printed."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(number), str(CHANGES)],
            env=os.environ.copy(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    outputs = [writer.communicate(timeout=60)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    return outputs


def test_concurrent_updates_are_all_kept_and_match_the_change_records(installation: Installation) -> None:
    installation.registry.register({"id": "shared", "schedule": YEARLY, "handler": "handlers.hello.run"})
    run_writers(UPDATING)

    made = WRITERS * CHANGES + 1
    revisions = installation.registry.revisions("shared")
    assert [one["metadata"]["revision"] for one in revisions] == list(range(made, 0, -1))
    records = [one for one in read_all(installation.settings.task_changes_log) if one["task_id"] == "shared"]
    by_revision = {one["revision"]: one for one in records}
    assert sorted(by_revision) == list(range(1, made + 1))
    assert len(records) == made
    for revision in revisions[:-1]:
        number = revision["metadata"]["revision"]
        assert by_revision[number]["diff"]["name"]["to"] == revision["name"]
        assert by_revision[number]["diff"]["name"]["from"] == revisions[made - number + 1]["name"]


def test_concurrent_registrations_leave_a_complete_mirror_and_one_winner(
    installation: Installation, bare_environment: pytest.MonkeyPatch
) -> None:
    file = installation.settings.data_dir / "tasks.json"
    bare_environment.setenv("MISSION_CONTROL_TASKS_FILE", str(file))
    outputs = run_writers(REGISTERING)

    assert sorted("".join(outputs).split()) == ["won"]
    ids = [task["id"] for task in current_installation().registry.tasks()]
    assert len(ids) == WRITERS * CHANGES + 1
    assert [task["id"] for task in json.loads(file.read_text("utf-8"))["tasks"]] == ids
