"""The progress of a backfill on the terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.output import tell
from mission_control.cli.terminal.progress import progress_bar

if TYPE_CHECKING:
    from mission_control.ledger.backfills import Backfills
    from mission_control.model.runs.backfill_plan import BackfillPlan

_POLL_SECONDS: Final = 0.25


def follow(backfills: Backfills, backfill_id: str) -> ExitCode:
    """Show the progress until the backfill is over; Ctrl-C leaves it alone. Return the exit code."""
    try:
        with progress_bar(backfill_id) as advance:
            while (plan := backfills.get(backfill_id)) is not None and plan.finished_at is None:
                advance(plan.finished, plan.count)
                time.sleep(_POLL_SECONDS)
            if plan is not None:
                advance(plan.finished, plan.count)
    except KeyboardInterrupt:
        tell(f"the backfill goes on; mission-control backfill show {backfill_id}")
        return ExitCode.DONE
    if plan is None:
        tell(f"backfill {backfill_id} is no longer remembered")
        return ExitCode.NOT_FOUND
    tell(f"{backfill_id}: {words_of(plan)}")
    return ExitCode.DONE if is_success(plan) else ExitCode.PARTLY_DONE


def words_of(plan: BackfillPlan) -> str:
    """Return how far a backfill is, in words."""
    ended = [f"{count:,} {state}" for state, count in sorted(plan.ended.items())]
    ended += [f"{plan.existing:,} had a run meanwhile"] if plan.existing else []
    parts = ", ".join(ended)
    why = f" ({plan.reason})" if plan.reason is not None else ""
    return f"{plan.state}{why}: {plan.finished:,} of {plan.count:,} over{': ' if parts else ''}{parts}"


def is_success(plan: BackfillPlan) -> bool:
    """Return whether all of a backfill has run, and succeeded."""
    from mission_control.model.runs.backfill_plan import BackfillState

    return plan.state is BackfillState.DONE and plan.ended.keys() <= {"success"}
