"""A circuit breaker with a real beat and a real worker."""

from __future__ import annotations

from mission_control.model.runs.run_state import RunState
from tests.stage.live_installation import live_installation
from tests.stage.waiting import wait_until

HANDLERS = {
    "frail": """
        from pathlib import Path

        def run(context):
            if not Path(context["params"]["repaired"]).exists():
                raise RuntimeError("the API is down")
            return {"status": "success", "output": "", "error": None}
        """
}


def test_failing_task_is_skipped_until_a_probe_succeeds() -> None:
    with live_installation(HANDLERS) as live:
        repaired = live.folder / "repaired"
        live.task(
            "frail",
            "handlers.frail.run",
            schedule={"type": "interval", "seconds": 1},
            params={"repaired": str(repaired)},
            retry_policy={"max_retries": 0},
            pause_after_failures=1,
            probe_after=[3],
        )

        def states() -> list[RunState]:
            runs = live.installation.ledger.runs_of("frail", limit=1_000)
            return [run.state for run in sorted(runs, key=lambda run: run.scheduled_time)]

        wait_until(lambda: RunState.SKIPPED in states(), "an occurrence is skipped", timeout=20)
        assert states()[: states().index(RunState.SKIPPED)].count(RunState.FAILURE) >= 1
        repaired.touch()
        wait_until(lambda: states()[-3:].count(RunState.SUCCESS) >= 2, "it runs again", timeout=30)
        assert live.installation.pauses.read().layers == ()
