"""`mission-control task backfill`, and the progress of a backfill on the terminal."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.failures import ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import console, echo, echo_json, facts, tell, tell_issues
from mission_control.cli.terminal.progress import progress_bar
from mission_control.cli.terminal.wording import local_time, own_zone
from mission_control.model.values.quantities import counted, duration

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.ledger.backfills import Backfills
    from mission_control.model.runs.backfill_plan import BackfillPlan
    from mission_control.operate.backfilling import Backfilling, BackfillPreview

_EXAMPLE: Final = """\
Example: mission-control task backfill report --from 2026-03-01 --to 2026-04-01 --start"""
_POLL_SECONDS: Final = 0.25


class Rate(click.ParamType[float]):
    """A rate such as 30/m, as a number a second."""

    name = "rate"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the rate, or fail with an example."""
        from mission_control.model.values.rates import per_second

        try:
            return per_second(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("backfill", epilog=_EXAMPLE)
@parameters.task_id
@click.option(
    "--from",
    "start",
    type=parameters.PAST_MOMENT,
    metavar="MOMENT",
    required=True,
    help="Begin: 7d, yesterday.",
)
@click.option(
    "--to", "end", type=parameters.PAST_MOMENT, metavar="MOMENT", help="End, not included; now if left out."
)
@click.option(
    "--rerun",
    type=click.Choice(["none", "failed", "all"]),
    default="none",
    show_default=True,
    help="Which occurrences that have run already are run again.",
)
@click.option("--newest-first", is_flag=True, help="Run the latest occurrence first.")
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.25,
    show_default=True,
    help="Share of the worker slots that backfills may use; one slot at least.",
)
@click.option("--rate", type=Rate(), metavar="N/UNIT", help="At most so many runs, such as 30/m.")
@click.option("--start", "is_started", is_flag=True, help="Start it. Without this, nothing is run.")
@click.option("--wait", is_flag=True, help="Wait until it is over, even without a terminal.")
@parameters.reason
@parameters.as_json
@parameters.dry_run
def backfill(  # noqa: PLR0913, PLR0917  # one parameter an option
    task_id: str,
    start: datetime,
    end: datetime | None,
    rerun: str,
    newest_first: bool,
    share: float,
    rate: float | None,
    is_started: bool,
    wait: bool,
    reason: str | None,
    as_json: bool,
    dry_run: bool,
) -> ExitCode | None:
    """Run past occurrences of a task, from one moment up to another.

    Shows what would run; --start runs it, even while the task is paused. Beat sends the runs, a few at a
    time. This command shows the progress, and Ctrl-C leaves it without ending the backfill. Exit code 7: some
    runs did not succeed.
    """
    from mission_control.model.runs.backfill_plan import Rerun
    from mission_control.operate.backfilling import BackfillRequest
    from mission_control.operate.task_issues import issues_of_tasks
    from mission_control.operate.tasks import existing_task, task_id_of

    with current() as installation:
        task = existing_task(installation.registry, task_id_of(installation.registry, task_id, changes=True))
        request = BackfillRequest(
            task_id=task.id,
            start=start,
            end=installation.clock() if end is None else end,
            rerun=Rerun(rerun),
            newest_first=newest_first,
            share=share,
            per_second=rate,
        )
        backfilling = backfilling_of(installation)
        preview = backfilling.preview(request)
        does_start = is_started and not dry_run
        if does_start:
            backfilling.start(preview, reason=reason)
        if as_json:
            echo_json({**preview.to_json(), "started": does_start})
        else:
            _show(preview)
        if not does_start:
            tell("nothing was started; add --start")
            return None
        backfill_id = preview.plan.backfill_id
        tell(f"started backfill {backfill_id}; mission-control backfill cancel {backfill_id} ends it")
        tell_issues(issues_of_tasks(installation.client, [task]))
        if wait or console(stderr=True).is_terminal:
            return follow(installation.backfills, backfill_id)
    return None


def backfilling_of(installation: Installation) -> Backfilling:
    """Return what plans, starts and cancels the backfills of an installation."""
    from mission_control.dispatch.run_control import RunControl
    from mission_control.operate.backfilling import Backfilling
    from mission_control.operate.past_runs import PastRuns
    from mission_control.processes.heartbeats import slots_for

    return Backfilling(
        installation.registry,
        installation.backfills,
        RunControl.of(installation),
        PastRuns(installation.client, installation.settings.task_execution_log),
        installation.pauses,
        lambda queue: slots_for(installation.client, queue),
        installation.clock,
    )


def _show(preview: BackfillPreview) -> None:
    plan, times = preview.plan, sorted(one.scheduled_time for one in preview.items)
    rows = [("range", f"{_local(plan.start)} up to, without, {_local(plan.end)}")]
    rows += [("found", ", ".join(f"{count:,} {state}" for state, count in sorted(preview.found.items())))]
    rows += [("to run", counted(len(times), "occurrence"))]
    if times:
        rows += [("first", _local(times[0])), ("last", _local(times[-1]))]
        rows += [("order", "newest first" if plan.newest_first else "oldest first")]
        rows += [("takes about", _forecast(preview))]
    echo(facts([("task", plan.task_id), ("times", own_zone().key), *rows]))
    if preview.unknown_before is not None:
        moment = _local(preview.unknown_before)
        tell(f"neither ledger nor audit stream says what ran before {moment}; it counts as not run")


def _forecast(preview: BackfillPreview) -> str:
    if preview.forecast is None:
        return "not known: no run of the task has succeeded yet"
    mean = "" if preview.mean is None else f", a run takes {duration(preview.mean)}"
    return f"{duration(preview.forecast)}{mean}"


def _local(moment: datetime) -> str:
    return local_time(moment, own_zone())


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
