"""`mission-control enqueue` and `task run`: runs outside any schedule."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.completions import TASK_IDS_AND_HANDLERS
from mission_control.cli.terminal.failures import ExitCode
from mission_control.cli.terminal.filters import named_tasks, task_filters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import tell
from mission_control.cli.terminal.several import each
from mission_control.cli.views.sending import answer as answer_for
from mission_control.cli.views.sending import start

if TYPE_CHECKING:
    from mission_control.dispatch.run_handle import Run
    from mission_control.dispatch.run_options import DebounceOptions
    from mission_control.operate.filters import Filter

_DEBOUNCE: Final = ("key", "delay", "max_delay", "edge")

overlap = click.option(
    "--overlap",
    type=click.Choice(["queue", "allow"]),
    help="While another run of the task is active: wait for its end (the default), or start at once.",
)

_EXAMPLE = "Example: mission-control enqueue handlers.hello.run -p name=Ada --delay 5m"


@click.command(epilog=_EXAMPLE)
@click.argument("task_id_or_handler", shell_complete=TASK_IDS_AND_HANDLERS)
@parameters.run_params
@click.option(
    "--at", type=parameters.MOMENT, metavar="MOMENT", help="When it is due: 'tomorrow 09:00', 'mon 16:00'."
)
@click.option("--delay", type=parameters.DURATION, metavar="DURATION", help="How long from now: 90s, 5m.")
@click.option(
    "--expires", type=parameters.DURATION, metavar="DURATION", help="Do not start it later than that."
)
@click.option("--queue", help="A queue other than the task's own.")
@click.option(
    "--priority", type=click.IntRange(0, 9), metavar="0-9", help="Priority in the queue; 0 is first."
)
@overlap
@click.option("--limit", "limits", multiple=True, metavar="NAME", help="A named limit; may be repeated.")
@click.option("--idempotency-key", help="Repeat calls with the same key and params return the first run.")
@click.option("--debounce-key", help="Calls with the same key become one run: see --debounce-delay.")
@click.option(
    "--debounce-delay",
    type=parameters.DURATION,
    metavar="DURATION",
    help="It starts so long after the last call.",
)
@click.option(
    "--debounce-max-delay",
    type=parameters.DURATION,
    metavar="DURATION",
    help="… and after the first, at the latest.",
)
@click.option(
    "--debounce-edge",
    type=click.Choice(["trailing", "leading"]),
    help="Start once the calls have stopped (the default), or with the first of them.",
)
@parameters.answer
def enqueue(  # one parameter an option
    task_id_or_handler: str,
    params: dict[str, Any] | None,
    at: datetime | None,
    delay: float | None,
    queue: str | None,
    priority: int | None,
    overlap: Literal["queue", "allow"] | None,
    idempotency_key: str | None,
    **answer: Any,  # noqa: ANN401  # how to answer, as `answer_for` takes it
) -> int:
    """Run a task, or a bare handler, once outside any schedule.

    Prints the run's id, or its result with --wait. Exit code 1: the run failed.
    """
    from mission_control.dispatch.enqueue import Dispatch, RunOptions
    from mission_control.operate.tasks import naming_nearest_task, task_id_of

    with (
        current(sets_up=True, dry_run=answer["dry_run"]) as installation,
        naming_nearest_task(installation.registry, task_id_or_handler),
    ):
        debounce = {name: answer.pop(f"debounce_{name}") for name in _DEBOUNCE}
        debounce = {name: one for name, one in debounce.items() if one is not None}
        options = RunOptions(
            at=at,
            delay=delay,
            expires=answer.pop("expires"),
            queue=queue,
            priority=priority,
            overlap=overlap,
            limits=list(answer.pop("limits")) or None,
            debounce=cast("DebounceOptions", debounce) if debounce else None,
        )
        name = task_id_of(installation.registry, task_id_or_handler, changes=True)
        dispatch = Dispatch.of(installation)
        is_dry = answer.pop("dry_run")
        runs = start(dispatch, installation.client, name, params, options, idempotency_key, dry_run=is_dry)
        return answer_for(runs, **answer)


@click.command("run", epilog="Example: mission-control task run tea -p name=Ada --wait --timeout 1m")
@parameters.maybe_task_ids
@task_filters
@parameters.run_params
@overlap
@parameters.answer
def run_task(
    task_ids: tuple[str, ...],
    wanted: Filter,
    params: dict[str, Any] | None,
    overlap: Literal["queue", "allow"] | None,
    dry_run: bool,
    **answer: Any,  # noqa: ANN401  # as above
) -> int:
    """Run tasks now: those named, or those that filters take; outside their schedules, even disabled ones.

    Conditions are not asked. Prints the ids of the runs, or with --wait their results. Exit code 1: the run
    failed; 7: one of several did, or was not sent.
    """
    from mission_control.dispatch.enqueue import Dispatch, RunOptions
    from mission_control.operate.tasks import existing_task, task_id_of

    with current() as installation:
        registry, options = installation.registry, RunOptions(overlap=overlap)
        runs: list[Run] = []
        dispatch = Dispatch.of(installation)

        def start_one(name: str) -> None:
            task = existing_task(registry, task_id_of(registry, name, changes=True))
            if task.condition is not None:
                tell(f"its condition is not asked: {task.condition.describe()}")
            runs.extend(start(dispatch, installation.client, task.id, params, options, dry_run=dry_run))

        code = each(named_tasks(installation, task_ids, wanted), start_one)
        answered = answer_for(runs, **answer) if runs else code
    return ExitCode.PARTLY_DONE if runs and code != ExitCode.DONE else answered
