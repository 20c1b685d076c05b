"""The options that select tasks, or runs, by what they have."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.completions import HANDLER_PATHS, Complete, known_values
from mission_control.cli.terminal.failures import CommandError, ExitCode
from mission_control.cli.terminal.output import asks
from mission_control.cli.terminal.wording import own_zone
from mission_control.errors import WideSearchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mission_control.installation.installation import Installation
    from mission_control.model.filters.filter_fields import Subject
    from mission_control.model.filters.query import Value
    from mission_control.operate.filters import Filter

Command = Callable[..., Any]

_EXAMPLES: Final = {"run": "'state:failed late>5m'", "task": "'state:paused -queue:slow'"}


def _statuses(subject: Subject) -> list[str]:
    from mission_control.model.filters.filter_fields import fields_of

    return fields_of(subject)["status"].values(subject)


def _completed(subject: Subject) -> Complete:
    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        from mission_control.model.filters.completion import completions

        return completions(incomplete, subject, known_values)

    return complete


def _filters(subject: Subject, since: str) -> Callable[[Command], Command]:
    def with_filters(command: Command) -> Command:
        @wraps(command)
        def filtered(*args: Any, yes: bool, query: str | None, since: datetime | None, **options: Any) -> Any:  # noqa: ANN401
            given = {name: options.pop(name) for name in ("status", "queue", "tag", "handler")}
            given["since"] = () if since is None else (since,)
            wanted = _wanted(subject, query, given)
            wanted.is_confirmed = yes
            try:
                return command(*args, wanted=wanted, **options)
            except WideSearchError as error:
                _confirm(error)
            wanted.is_confirmed = True
            return command(*args, wanted=wanted, **options)

        what = f"{subject}s"
        found = click.option(
            "--yes", "-y", is_flag=True, help="Do not ask, however many there are to search."
        )(filtered)
        found = click.option(
            "--since", type=parameters.PAST_MOMENT, metavar="MOMENT", help=f"{since}: 1h, yesterday."
        )(found)
        for name in ("handler", "tag", "queue"):
            of_task = " of their task" if (what, name) == ("runs", "tag") else ""
            about = f"Only {what} with this {name}{of_task}; may be repeated."
            paths = HANDLER_PATHS if name == "handler" else None
            option = click.option(
                f"--{name}", multiple=True, metavar=name.upper(), help=about, shell_complete=paths
            )
            found = option(found)
        about = f"Only {what} with this status; may be repeated."
        kind = parameters.Status(lambda: _statuses(subject))
        found = click.option("--status", type=kind, multiple=True, metavar="STATUS", help=about)(found)
        about = f"Only {what} that this takes, such as {_EXAMPLES[subject]}; see docs/filter.md."
        complete = _completed(subject)
        return click.option("-q", "query", metavar="FILTER", help=about, shell_complete=complete)(found)

    return with_filters


def _wanted(subject: Subject, query: str | None, given: Mapping[str, Sequence[Value]]) -> Filter:
    """Return what -q and the options ask together; each option is a term of the same query."""
    from mission_control.configuration.clock import utc_now
    from mission_control.model.filters.query import Query, term_of
    from mission_control.operate.filters import Filter

    now, asked = utc_now(), Query(subject)
    if query is not None:
        from mission_control.model.filters.grammar import parse_filter

        asked = parse_filter(query, subject, now=now, zone=own_zone())
    return Filter(
        asked.and_([term_of(subject, name, values) for name, values in given.items() if values]), now
    )


def _confirm(error: WideSearchError) -> None:
    if not sys.stdin.isatty():
        raise CommandError(f"{error}, or add --yes", ExitCode.REFUSED) from error
    if not asks(f"{error}. Search all the same?"):
        raise CommandError("nothing was searched", ExitCode.REFUSED) from error


run_filters = _filters("run", "Only runs that are not over, or ended at this time or later")
task_filters = _filters("task", "Only tasks that ran last at this time or later")


def names_or_filter(names: Sequence[str], wanted: Filter) -> None:
    """Make sure that either names or a filter say what a command is about.

    Raises:
        UsageError: both do, or neither.
    """
    if bool(names) is bool(wanted):
        raise click.UsageError("Give either ids, or filters such as --queue and --status.")


def none_found(wanted: Filter) -> CommandError:
    """Return the error of a command that changes what a filter takes, where it takes nothing."""
    return CommandError(wanted.none_found(), ExitCode.NOT_FOUND)


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
        raise none_found(wanted)
    return ids
