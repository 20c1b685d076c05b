"""`mission-control why` on an installation that works: one beat and one worker for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mission_control.model.policies.pause import PauseKind
from mission_control.model.runs.run_state import RunState
from tests.stage.command_line import mc
from tests.stage.live_installation import LiveInstallation, live_installation
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.dispatch.run_handle import Run

HANDLERS = {
    "boom": """
        def brew(cups):
            return 1 / cups

        def run(context):
            return brew(0)
        """,
    "slow": """
        import time
        from pathlib import Path

        def run(context):
            while not Path(context["params"]["gate"]).exists():
                time.sleep(0.02)
            return {"status": "success", "output": None, "error": None}
        """,
}
EVERY_SECOND = {"type": "interval", "seconds": 1}


@pytest.fixture(scope="module")
def live() -> Iterator[LiveInstallation]:
    with live_installation(HANDLERS) as live:
        yield live


@pytest.fixture(autouse=True)
def _environment(live: LiveInstallation, bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("MISSION_CONTROL_REDIS_URL", live.server.url)
    bare_environment.setenv("MISSION_CONTROL_DATA_DIR", str(live.installation.settings.data_dir))
    bare_environment.setenv("MISSION_CONTROL_HANDLERS", str(live.folder / "handlers"))


def cause(*args: str) -> tuple[int, str, dict[str, Any]]:
    """Return the exit code, the deciding code, and the deciding cause of an answer."""
    answer = mc("why", *args, "--json")
    first = answer.json["findings"][0]
    assert first["decides"]
    return answer.code, first["code"], first


def in_state(run: Run, state: RunState) -> bool:
    record = run.record
    return record is not None and record.state is state


def test_failed_run_is_explained_by_its_error_and_its_last_frame(live: LiveInstallation) -> None:
    live.task("boom", "handlers.boom.run", retry_policy={"max_retries": 0})
    run = live.run("boom")
    live.ended(run)
    code, name, first = cause(run.execution_id)
    assert (code, name) == (1, "handler_failed")
    assert first["words"].startswith("ZeroDivisionError: division by zero (File ")
    assert first["words"].endswith(", line 3, in brew)")
    assert mc("why", "boom").out.splitlines()[1].startswith("  because ZeroDivisionError: division by zero")


def test_waiting_runs_of_a_full_house_each_name_what_they_wait_for(live: LiveInstallation) -> None:
    gate = live.folder / "gate"
    mc("limit", "set", "kettle", "--concurrency", "1")
    live.task("slow", "handlers.slow.run", params={"gate": str(gate)}, limits=["kettle"])
    live.task("other", params={"output": "x"}, limits=["kettle"])
    live.task("free", params={"output": "x"})
    live.task("second", "handlers.slow.run", params={"gate": str(gate)})
    try:
        holder = live.run("slow")
        wait_until(lambda: in_state(holder, RunState.RUNNING), "the first run has begun")
        wait_until(lambda: cause(holder.execution_id)[:2] == (0, "running"), "its worker answers")
        follower, limited = live.run("slow"), live.run("other")
        code, name, first = cause(follower.execution_id)
        assert (code, name) == (0, "overlap")
        assert first["remedy"] == f"mission-control why {holder.execution_id}"
        wait_until(lambda: cause(limited.execution_id)[1] == "limit", "the limit holds the other run back")
        assert holder.execution_id in cause(limited.execution_id)[2]["words"]
        occupant = live.run("second")
        wait_until(lambda: in_state(occupant, RunState.RUNNING), "both slots are taken")
        free = live.run("free")
        wait_until(lambda: cause(free.execution_id)[1] == "workers_busy", "the workers answer")
    finally:
        gate.touch()
    live.ended(holder)


@pytest.mark.parametrize(
    ("options", "expected"), [({"queue": "mail"}, "unserved_queue"), ({"delay": 3_600}, "delayed")]
)
def test_run_that_no_worker_takes_says_why_and_who_cancelled_it(
    live: LiveInstallation, options: dict[str, Any], expected: str
) -> None:
    run = live.run(live.task(f"waits_{expected}"), **options)
    assert cause(run.execution_id)[:2] == (0, expected)
    mc("run", "cancel", run.execution_id, "--reason", "by ada")
    code, name, first = cause(run.execution_id)
    assert (code, name) == (11, "cancelled")
    assert "by ada" in first["words"]


def test_run_that_failed_and_is_tried_again_says_when(live: LiveInstallation) -> None:
    policy = {"max_retries": 1, "retry_delay_seconds": 3_600}
    run = live.run(live.task("again", "handlers.boom.run", retry_policy=policy))
    wait_until(lambda: in_state(run, RunState.RETRYING), "the first attempt has failed")
    code, name, first = cause("again")
    assert (code, name) == (0, "retrying")
    assert first["words"].startswith("attempt 1 failed (ZeroDivisionError: division by zero), the next is at")


def test_paused_disabled_and_not_due_tasks_end_with_codes_of_their_own(live: LiveInstallation) -> None:
    live.task("tick", schedule=EVERY_SECOND, tags=["hot"])
    mc("pause", "--tag", "hot", "--reason", "works")
    wait_until(lambda: mc("why", "tick", "--last-missed").code == 11, "an occurrence is skipped")

    def last_missed() -> Any:
        """Return what is said of the last one, unless it is due at this moment and not yet stored."""
        said = mc("why", "tick", "--last-missed", "--json").json
        return said if said["findings"][0]["source"] == "stored" else None

    missed = wait_until(last_missed, "its skip is stored")
    first = missed["findings"][0]
    assert first["code"] == "paused"
    assert first["words"].startswith(f"paused ({PauseKind.TAG}:hot) by ")
    assert first["remedy"] == "mission-control resume --tag hot"
    assert mc("why", missed["execution_id"]).code == 11
    assert "will be skipped" in mc("why", "tick", "--next").out
    mc("task", "disable", "tick", "--reason", "enough")
    code, name, first = cause("tick", "--next")
    assert (code, name) == (11, "disabled")
    assert first["words"].endswith(": enough")
    live.task("nightly", schedule={"type": "daily", "time": "03:00"})
    assert cause("nightly", "--at", "2035-03-02T04:30Z")[:2] == (10, "not_due")
    assert cause("nightly", "--next")[:2] == (0, "to_come")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["tee"], 3, "no task has the id 'tee'"),
        (["asked", "--at", "2600-01-01T00:00Z"], 2, "is too far ahead; ask about a time before 20"),
        (["asked", "--at", "soon"], 2, "'soon' is not a moment"),
        (["asked", "--next", "--last-missed"], 2, "Give only one of --at, --last-missed and --next."),
        (["asked", "--at", "2026-10-25T02:30"], 2, "exists twice; write 2026-10-25T02:30:00+02:00 or"),
        (["asked", "--at", "2026-03-29T02:30"], 2, "does not exist: clocks go forward over it"),
    ],
)
def test_wrong_question_is_refused_with_what_is_right(
    bare_environment: pytest.MonkeyPatch, live: LiveInstallation, args: list[str], code: int, words: str
) -> None:
    if live.installation.registry.get("asked") is None:
        live.task("asked")
    bare_environment.setenv("MISSION_CONTROL_TIMEZONE", "Europe/Berlin")
    answer = mc("why", *args)
    assert (answer.code, words in answer.err) == (code, True), answer.err
