"""Several processes changing the registry at once: nothing is lost, and all traces agree."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

from mission_control import get_task, register_task, update_task
from mission_control.audit.stream.reader import read_all
from mission_control.installation.installation import Installation, current_installation
from tests.processes.forked import preloaded_context
from tests.stage.live_installation import YEARLY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from threading import Barrier

    import pytest

WRITERS = 4
CHANGES = 12


def run_writers(write: Callable[[int], int]) -> list[int]:
    """Call a function with each number of a writer, all at once, each in a process of its own."""
    context = preloaded_context()
    given = (dict(os.environ), context.Barrier(WRITERS))
    with ProcessPoolExecutor(WRITERS, context, _begin, given) as pool:
        return list(pool.map(write, range(WRITERS)))


def _begin(environment: Mapping[str, str], together: Barrier) -> None:
    os.environ.clear()
    os.environ.update(environment)
    together.wait(60)


def update(writer: int) -> int:
    """Make all changes of a writer, and return how many."""
    return sum(
        update_task("shared", {"params": {**stored("shared")["params"]}, "name": f"{writer}-{number}"})
        for number in range(CHANGES)
    )


def stored(task_id: str) -> Any:
    task = get_task(task_id)
    assert task is not None
    return task


def register(writer: int) -> int:
    """Register all tasks of a writer, and one that all want; return how often that was its own."""
    task = {"schedule": YEARLY, "handler": "handlers.hello.run"}
    won = 0
    for number in range(CHANGES):
        assert register_task({"id": f"t-{writer}-{number}", **task})
        won += register_task({"id": "contended", **task})
    return won


def test_concurrent_updates_are_all_kept_and_match_the_change_records(installation: Installation) -> None:
    installation.registry.register({"id": "shared", "schedule": YEARLY, "handler": "handlers.hello.run"})
    assert run_writers(update) == [CHANGES] * WRITERS

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

    assert sum(run_writers(register)) == 1
    ids = [task["id"] for task in current_installation().registry.tasks()]
    assert len(ids) == WRITERS * CHANGES + 1
    assert [task["id"] for task in json.loads(file.read_text("utf-8"))["tasks"]] == ids
