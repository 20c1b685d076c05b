"""`mission-control backfill list`, `backfill show` and `backfill cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.backfill.start import follow, words_of
from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.completions import BACKFILLS
from mission_control.cli.terminal.failures import ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, ShortNames, Worth
from mission_control.cli.terminal.output import echo, echo_json, facts, printable, table, tell
from mission_control.cli.terminal.watching import watchable
from mission_control.cli.terminal.wording import labelled_time, local_time, own_zone
from mission_control.model.values.instants import parse_instant

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.model.runs.backfill_plan import BackfillPlan

_TASK = Column("task", Worth.KEY, least=12)
_LAST = (Column("to"), Column("progress", Worth.KEY, least=20))

_backfill_id = click.argument("backfill_id", shell_complete=BACKFILLS)


@click.command("list")
@click.option("--all", "is_all", is_flag=True, help="Show those that are over too.")
@watchable
@parameters.as_json
def list_backfills(is_all: bool, as_json: bool) -> None:
    """List the backfills that are not over, the oldest first."""
    with current() as installation:
        plans = [one for one in installation.backfills.all() if is_all or one.finished_at is None]
        if as_json:
            echo_json([one.to_json() for one in plans])
        elif plans:
            here = own_zone()
            rows = [_row(one, here) for one in plans]
            names = ShortNames(lambda: [one.backfill_id for one in installation.backfills.all()])
            first = Column("backfill", Worth.KEY, names=names)
            echo(table(first, _TASK, Column(f"from ({here.key})"), *_LAST, rows=rows))
        else:
            tell("no backfill is open; --all shows those that are over")


@click.command()
@_backfill_id
@click.option("--wait", is_flag=True, help="Show the progress until it is over; Ctrl-C leaves it alone.")
@parameters.as_json
def show(backfill_id: str, wait: bool, as_json: bool) -> ExitCode | None:
    """Show a backfill and its progress. Exit code 7 with --wait: some runs did not succeed."""
    from mission_control.operate.backfilling import existing_backfill

    with current() as installation:
        plan = existing_backfill(installation.backfills, backfill_id)
        code = follow(installation.backfills, plan.backfill_id) if wait else None
        if as_json:
            echo_json(existing_backfill(installation.backfills, plan.backfill_id).to_json())
        elif not wait:
            known = {**plan.to_json(), "progress": words_of(plan)}
            for name in ("start", "end", "created_at"):
                known[name] = labelled_time(parse_instant(known[name]), own_zone())
            shown = ("task_id", "start", "end", "rerun", "newest_first", "share", "per_second", "who")
            rows = [(name, printable(str(known[name]))) for name in (*shown, "created_at", "progress")]
            echo(facts([("backfill", plan.backfill_id), *rows]))
        return code


@click.command()
@_backfill_id
@click.option("--reason", default="cancelled by hand", show_default=True, help="Why; kept with its runs.")
@parameters.dry_run
def cancel(backfill_id: str, reason: str, dry_run: bool) -> ExitCode | None:
    """Cancel a backfill for good. What ran stays; what runs is asked to stop.

    Exit code 4: it was over.
    """
    from mission_control.cli.backfill.start import backfilling_of
    from mission_control.operate.backfilling import existing_backfill

    with current() as installation:
        plan = existing_backfill(installation.backfills, backfill_id, changes=True)
        backfill_id = plan.backfill_id
        if dry_run:
            tell(f"{words_of(plan)}; it would be cancelled (dry run)")
            return None
        if backfilling_of(installation).cancel(backfill_id, reason=reason) is None:
            tell(f"{backfill_id} is over: {words_of(existing_backfill(installation.backfills, backfill_id))}")
            return ExitCode.REFUSED
        tell(f"{backfill_id}: {words_of(existing_backfill(installation.backfills, backfill_id))}")
    return None


def _row(plan: BackfillPlan, here: ZoneInfo) -> tuple[str, ...]:
    times = (local_time(plan.start, here), local_time(plan.end, here))
    return (plan.backfill_id, plan.task_id, *times, words_of(plan))
