"""`task plan`, `apply` of a plan, `--prune`, `--rename` and `task rollback`."""

from __future__ import annotations

import signal
import stat
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.configuration.clock import utc_now
from mission_control.registry.planned_writes import PlannedWrites
from mission_control.store import redis_keys
from tests.stage.command_line import mc, run_program, start_program
from tests.stage.live_installation import YEARLY
from tests.stage.planned_files import CAKE, DAILY, TEA, registered, write
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mission_control.installation.installation import Installation

pytestmark = pytest.mark.usefixtures("installation")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tasks.json"


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return tmp_path / "plan.json"


def test_plan_shows_what_changes_and_what_follows_and_changes_nothing(file: Path) -> None:
    every = {**DAILY, "schedule": {"type": "interval", "minutes": 5}}
    mc("task", "apply", write(file, {**TEA, "params": {"token": "old"}}, CAKE))
    costly = {"id": "costly", **every, "budgets": [{"name": "agents", "usd": 0.5}]}
    late = {**TEA, "schedule": {**TEA["schedule"], "time": "10:00"}, "params": {"token": "new"}}
    args = write(file, late, costly, budgets=[{"name": "agents", "usd": "900/d"}])
    answer = mc("task", "plan", args)
    lines = answer.out.splitlines()
    assert answer.code == 0
    assert {"+ budget agents", "~ tea", "+ costly", "    schedule.time: 09:00 → 10:00"} <= set(lines)
    assert "    params.token: *** → ***" in lines
    assert sum(one.startswith("    next due: ") for one in lines) == 2
    assert "runs a day about 1 → 289, usd a day about 0 → 144" in answer.err
    assert "no longer in its file, and kept: cake; --prune removes it" in answer.err
    found = mc("task", "plan", args, "--json").json
    assert [(one["id"], one["change"]) for one in found["tasks"]] == [
        ("tea", "updated"),
        ("costly", "created"),
    ]
    assert found["tasks"][1]["next_due"]["from"] is None
    assert (found["left"], found["unchanged"]) == ({"cake": str(file)}, [])
    assert (registered(), mc("budget", "list", "--json").json) == (["cake", "tea"], [])


def test_new_task_with_catch_up_fires_at_once_and_the_plan_says_so(file: Path) -> None:
    half_past = utc_now() - timedelta(hours=100.5)  # none of its occurrences is on time
    begin = half_past.isoformat()
    hours = {"type": "interval", "hours": 1, "start": begin, "anchor": begin}
    both = write(
        file,
        {"id": "latest", **DAILY, "schedule": hours},
        {"id": "all", **DAILY, "schedule": hours, "misfire": {"policy": "all", "max_catch_up": 7}},
    )
    assert "fire now" not in mc("task", "plan", both).out
    lines = mc("task", "plan", both, "--catch-up").out.splitlines()
    assert [one for one in lines if "fire now" in one] == [
        "    would fire now",
        "    would fire now: 7 times",
    ]


def test_plan_file_is_private_and_is_applied_once(file: Path, plan: Path) -> None:
    mc("task", "plan", write(file, TEA, CAKE), "--out", str(plan))
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    file.unlink()
    answer = mc("task", "apply", str(plan))
    assert (answer.code, answer.out) == (0, "+ tea\n+ cake\n")
    assert registered() == ["cake", "tea"]
    answer = mc("task", "apply", str(plan))
    assert (answer.code, answer.out) == (4, "")
    assert "tasks tea, cake changed since the plan was made; nothing was applied" in answer.err


CHANGES: dict[str, Callable[[Installation], object]] = {
    "updated": lambda ours: ours.registry.update("tea", {"priority": 5}),
    "removed": lambda ours: ours.registry.unregister("cake"),
    "created": lambda ours: ours.registry.register({"id": "new", **DAILY}),
    "unchanged one disabled": lambda ours: ours.registry.disable("same"),
    "limit": lambda ours: ours.limits.set({"name": "gpu", "concurrency": 7}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_plan_is_refused_if_anything_in_it_changed_since(
    installation: Installation, file: Path, plan: Path, change: Callable[[Installation], object]
) -> None:
    gpu = {"name": "gpu", "concurrency": 1}
    same = {"id": "same", **DAILY}
    mc("task", "apply", write(file, TEA, CAKE, same, limits=[gpu]))
    limits = [{**gpu, "concurrency": 2}]
    args = write(file, {**TEA, "priority": 3}, {"id": "new", **DAILY}, same, limits=limits)
    assert mc("task", "plan", args, "--prune", "--out", str(plan)).code == 0
    change(installation)
    before = installation.registry.tasks(enabled_only=False)
    answer = mc("task", "apply", str(plan))
    assert answer.code == 4
    assert "changed since the plan was made; nothing was applied; make a new plan" in answer.err
    assert installation.registry.tasks(enabled_only=False) == before
    assert installation.limits.get("gpu").to_dict()["concurrency"] in {1, 7}


def edited(text: str) -> str:
    return text.replace('"priority": 0', '"priority": 9')


SPOILT: dict[str, tuple[Callable[[str], str], int, str]] = {
    "edited": (edited, 4, "was changed after it was made"),
    "without digest": (
        lambda text: text.replace('"digest"', '"digest_"'),
        4,
        "was changed after it was made",
    ),
    "half-written": (lambda text: text[: len(text) // 2], 2, "the file ends too early"),
    "other version": (
        lambda text: text.replace('"plan": 1', '"plan": 2'),
        4,
        "is a plan of version 2, not 1",
    ),
    "no version": (lambda text: text.replace('"plan": 1', '"plan": null'), 4, "is a plan of version null"),
}


@pytest.mark.parametrize(("spoil", "code", "reported"), SPOILT.values(), ids=SPOILT)
def test_spoilt_plan_file_is_refused_and_applies_nothing(
    file: Path, plan: Path, spoil: Callable[[str], str], code: int, reported: str
) -> None:
    mc("task", "plan", write(file, TEA), "--out", str(plan))
    plan.write_text(spoil(plan.read_text()))
    answer = mc("task", "apply", str(plan))
    assert (answer.code, answer.out) == (code, "")
    assert answer.err.startswith(f"error: {plan}: ")
    assert reported in answer.err
    assert registered() == []


def test_plan_that_is_written_in_a_new_place_founds_it_and_can_be_applied_there(tmp_path: Path) -> None:
    args = write(tmp_path / "tasks.json", TEA)
    assert run_program("task", "plan", args, "--out", "plan.json", folder=tmp_path).code == 0
    answer = run_program("task", "apply", "plan.json", folder=tmp_path)
    assert (answer.code, answer.out) == (0, "+ tea\n")


def test_plan_of_another_installation_is_refused(installation: Installation, file: Path, plan: Path) -> None:
    mc("task", "plan", write(file, TEA), "--out", str(plan))
    installation.client.delete(redis_keys.INSTALLATION_ID)
    answer = mc("task", "apply", str(plan))
    assert (answer.code, registered()) == (4, [])
    assert "was made for another installation" in answer.err


def test_plan_whose_handler_is_gone_is_refused(
    installation: Installation, file: Path, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mc("task", "plan", write(file, TEA), "--out", str(plan))
    monkeypatch.setattr(type(installation.catalog), "problem", lambda _self, path: f"{path} is gone")
    answer = mc("task", "apply", str(plan))
    assert (answer.code, registered()) == (2, [])
    assert "handlers.hello.run is gone" in answer.err


def test_task_changed_while_a_plan_is_applied_stays_and_all_others_are_done(
    installation: Installation, file: Path, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mc("task", "apply", write(file, TEA, CAKE))
    mc("task", "plan", write(file, {**TEA, "priority": 3}, {**CAKE, "priority": 3}), "--out", str(plan))
    planned = PlannedWrites.begin

    def overtaken(self: PlannedWrites, *args: Any, **how: Any) -> Any:
        assert installation.registry.update("tea", {"priority": 7})
        return planned(self, *args, **how)

    monkeypatch.setattr(PlannedWrites, "begin", overtaken)
    answer = mc("task", "apply", str(plan))
    assert answer.code == 7
    assert "others changed task tea meanwhile, which was left so; all others are applied" in answer.err
    found = {one["id"]: one["priority"] for one in mc("task", "list", "--json").json}
    assert found == {"tea": 7, "cake": 3}


def test_killed_apply_leaves_the_rest_to_the_next_plan(file: Path, installation: Installation) -> None:
    args = write(file, *({**DAILY, "id": f"t{number:05}", "schedule": YEARLY} for number in range(1_200)))
    environment = {"MISSION_CONTROL_REDIS_URL": installation.redis_url}
    with start_program("task", "apply", args, folder=file.parent, environment=environment) as process:
        wait_until(lambda: installation.client.scard(redis_keys.TASKS), "some tasks are registered")
        process.send_signal(signal.SIGKILL)
    done = set(registered())
    found = mc("task", "plan", args, "--json").json
    assert {one["id"] for one in found["tasks"]} == {f"t{number:05}" for number in range(1_200)} - done
    assert set(found["unchanged"]) == done
    assert all(one["change"] == "created" for one in found["tasks"])
    assert mc("task", "apply", args).code == 0
    assert len(registered()) == 1_200
