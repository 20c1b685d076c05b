"""Functions that are conditions, asked by a real worker for occurrences that a real beat fired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mission_control.dispatch.run_ending import RunEnding
from mission_control.dispatch.run_handle import Run

if TYPE_CHECKING:
    from mission_control.model.runs.run_record import RunRecord
    from tests.stage.live_installation import LiveInstallation


@pytest.fixture(scope="module")
def ended(live: LiveInstallation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunRecord]:
    """One occurrence of each task below, once all of them are over."""
    folder = tmp_path_factory.mktemp("asked")
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    names = ("yes", "no", "killed_at_first", "fails", "nonsense", "hangs")
    for name in names:
        live.task(
            f"if_{name}",
            "handlers.conditions.run",
            schedule={"type": "once", "at": at.isoformat()},
            catch_up=True,  # the moment may have passed on a busy machine
            condition=f"handlers.conditions.{name}",
            params={"asked": str(folder / name)},
            retry_policy={"max_retries": 1, "retry_delay_seconds": 0},
            timeout_seconds=1 if name == "hangs" else None,
        )
    runs = {
        name: Run(f"if_{name}@{at:%Y%m%dT%H%M%SZ}", RunEnding.of(live.installation), live.server.url)
        for name in names
    }
    return {name: live.ended(run, timeout=40) for name, run in runs.items()}


def statuses(live: LiveInstallation, run: RunRecord) -> list[tuple[str, bool]]:
    return [(one["status"], one["final"]) for one in live.records(run)]


def test_condition_that_was_met_is_not_asked_again_by_a_retry(
    ended: dict[str, RunRecord],
) -> None:
    assert (ended["yes"].state, ended["yes"].attempt) == ("success", 2)
    assert ended["yes"].output == ["asked"], "the condition had a copy of the params"
    asked = Path(ended["yes"].params["asked"])
    assert asked.read_text() == "asked "


def test_no_skips_the_run_with_one_record_and_frees_its_task(
    live: LiveInstallation, ended: dict[str, RunRecord]
) -> None:
    run = ended["no"]
    assert (run.state, run.reason) == (
        "skipped",
        "condition handlers.conditions.no: 3 of 5 files, password=***",
    )
    assert run.cause == {"class": "condition", "layer": "handlers.conditions.no"}
    assert statuses(live, run) == [("skipped", True)]
    assert live.installation.ledger.active_of("if_no") == []
    history = (live.installation.registry.get("if_no") or {})["execution_history"]
    assert (history["skipped_count"], history["total_runs"]) == (1, 0)


def test_process_killed_in_a_condition_asks_again_and_leaves_one_final_record(
    live: LiveInstallation, ended: dict[str, RunRecord]
) -> None:
    assert ended["killed_at_first"].state == "skipped"
    assert statuses(live, ended["killed_at_first"]) == [("retry", False), ("skipped", True)]


@pytest.mark.parametrize(
    ("name", "error", "reason", "records"),
    [
        ("fails", "ConnectionError: the calendar is down", "condition_failed", ["retry", "failure"]),
        ("nonsense", "returned str; it must return True", "broken_condition", ["failure"]),
        ("hangs", "did not answer within 1 s", "condition_failed", ["retry", "failure"]),
    ],
)
def test_condition_without_an_answer_is_a_failure_named_so(
    live: LiveInstallation,
    ended: dict[str, RunRecord],
    name: str,
    error: str,
    reason: str,
    records: list[str],
) -> None:
    run = ended[name]
    assert (run.state, run.reason) == ("failure", reason)
    assert f"condition handlers.conditions.{name}" in str(run.error)
    assert error in str(run.error)
    assert [status for status, _ in statuses(live, run)] == records
