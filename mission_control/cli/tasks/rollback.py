"""`mission-control task rollback`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import rich_click as click

from mission_control.cli.tasks.plan import change_lines, offer, out_file
from mission_control.cli.tasks.task_file import carried_out
from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.failures import CommandError
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_json, tell
from mission_control.cli.terminal.revealing import require_owner, shown_definitions


@click.command()
@parameters.task_id
@click.option(
    "--to", "number", type=click.IntRange(min=1), metavar="REVISION", help="By default the one before."
)
@out_file
@parameters.reason
@parameters.as_json
@parameters.dry_run
def rollback(
    task_id: str, number: int | None, out: Path | None, reason: str | None, as_json: bool, dry_run: bool
) -> None:
    """Give a task the definition of a former revision, as a new revision; `task revisions` lists them.

    --dry-run shows the plan, and --out writes it to a file for `task apply`, and changes nothing. Where tasks
    are signed, former revisions are not: then --out is needed, so that the plan is looked at first.
    """
    from mission_control.operate.plan.planning import plan_of_revision
    from mission_control.operate.plan.shown_plan import shown_tasks
    from mission_control.operate.tasks import task_id_of

    with current() as installation:
        settings, registry = installation.settings, installation.registry
        task_id = task_id_of(registry, task_id, changes=True)
        plan = plan_of_revision(registry, task_id, number)
        plan = plan if reason is None else replace(plan, reason=f"{plan.reason}: {reason}")
        if dry_run or out is not None:
            found = [one.task.to_dict() for one in plan.tasks.values() if one.task is not None]
            if out is not None and shown_definitions(found, settings.data_dir, reveal=False) != found:
                require_owner(settings.data_dir)
            offer(installation, plan, out, as_json=as_json)
            return
        if settings.signing_key:
            way = f"mission-control task rollback {task_id} --out plan.json, then task apply plan.json"
            raise CommandError(
                f"former revisions are not signed; look at the plan first: {way}", ExitCode.REFUSED
            )
        carried_out(installation, plan, must_be_as_seen=True)
        if as_json:
            echo_json(plan.by_kind())
            return
        for one in shown_tasks(plan):
            echo(*change_lines(one))
        tell(f"{task_id}: {plan.reason}" if plan.counts()["updated"] else f"{task_id}: is so already")
