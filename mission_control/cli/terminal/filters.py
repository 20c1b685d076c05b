"""The options that select tasks, or runs, by what they have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.completions import HANDLER_PATHS
from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.failures import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mission_control.installation.installation import Installation
    from mission_control.operate.filters import Filter

Command = Callable[..., Any]


def _run_statuses() -> Iterable[str]:
    from mission_control.operate.filters import RUN_STATUSES

    return RUN_STATUSES


def _task_statuses() -> Iterable[str]:
    from mission_control.operate.filters import TASK_STATUSES

    return TASK_STATUSES


def _filters(what: str, statuses: Callable[[], Iterable[str]], since: str) -> Callable[[Command], Command]:
    def with_filters(command: Command) -> Command:
        @wraps(command)
        def filtered(*args: Any, since: datetime | None, **options: Any) -> Any:  # noqa: ANN401
            from mission_control.operate.filters import Filter

            given = {name: options.pop(name) for name in ("status", "queue", "tag", "handler")}
            return command(*args, wanted=Filter(given, since), **options)

        moment = click.option(
            "--since", type=parameters.PAST_MOMENT, metavar="MOMENT", help=f"{since}: 1h, yesterday."
        )
        found = moment(filtered)
        for name in ("handler", "tag", "queue"):
            of_task = " of their task" if (what, name) == ("runs", "tag") else ""
            about = f"Only {what} with this {name}{of_task}; may be repeated."
            paths = HANDLER_PATHS if name == "handler" else None
            option = click.option(
                f"--{name}", multiple=True, metavar=name.upper(), help=about, shell_complete=paths
            )
            found = option(found)
        about = f"Only {what} with this status; may be repeated."
        kind = parameters.Status(statuses)
        return click.option("--status", type=kind, multiple=True, metavar="STATUS", help=about)(found)

    return with_filters


run_filters = _filters("runs", _run_statuses, "Only runs that are not over, or ended at this time or later")
task_filters = _filters("tasks", _task_statuses, "Only tasks that ran last at this time or later")


def names_or_filter(names: Sequence[str], wanted: Filter) -> None:
    """Make sure that either names or a filter say what a command is about.

    Raises:
        UsageError: both do, or neither.
    """
    if bool(names) is bool(wanted):
        raise click.UsageError("Give either ids, or filters such as --queue and --status.")


def none_found(wanted: Filter, what: str) -> CommandError:
    """Return the error of a command that changes what a filter takes, where it takes nothing."""
    return CommandError(wanted.none_found(what), ExitCode.NOT_FOUND)


def named_tasks(installation: Installation, task_ids: Sequence[str], wanted: Filter) -> Sequence[str]:
    """Return the ids that were given, or those of the tasks that a filter takes.

    Raises:
        UsageError: there are both, or neither.
        CommandError: the filter takes none.
    """
    from mission_control.operate.selected_tasks import selected_tasks

    names_or_filter(task_ids, wanted)
    if task_ids:
        return task_ids
    pauses = installation.pauses.read().in_force(installation.clock())
    found = selected_tasks(installation.registry, wanted, pauses, enabled_only=False)
    ids = [shown["id"] for shown, _ in found]
    if not ids:
        raise none_found(wanted, "task")
    return ids
