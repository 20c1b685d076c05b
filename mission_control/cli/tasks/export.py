"""`mission-control task export`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.completions import TASK_IDS
from mission_control.cli.terminal.failures import CommandError, ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_file, echo_json, tell
from mission_control.cli.terminal.revealing import require_owner, shown_definitions

if TYPE_CHECKING:
    from mission_control.files.task_file import Resources
    from mission_control.installation.installation import Installation
    from mission_control.model.definitions.task import TaskDefinition

_STDOUT: Final = Path("-")
_FORMATS: Final = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".ics": "ics", ".toml": "toml"}
_DUE_TIMES: Final = 5
_MOST_DUE_TIMES: Final = 1_000


@click.command()
@click.argument("what", nargs=-1, metavar="[ID…] [FILE]", shell_complete=TASK_IDS)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "yaml", "ics"]),
    help="By default that of FILE's ending, else json; ics has the next due times, for calendar programs.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    help="ics: the due times of so many days, at most 1,000 of each task; by default the next 5.",
)
@parameters.dry_run
@parameters.reveal
def export(what: Sequence[str], form: str | None, days: int | None, dry_run: bool, reveal: bool) -> None:
    """Write the named tasks, or all, to FILE, in the format of `task apply`.

    FILE has an ending (.json, .yaml, .yml, .ics) or a /; - is stdout. Without FILE, named tasks go to stdout,
    as all do with --format; else the installation's own file is written. A file is replaced in one step, and
    only its owner can read it. The limits and budgets of the tasks are written, too. Secrets are written in
    full, which only the data directory's owner may do; on stdout they are masked.
    """
    ids, file = _apart(what)
    with current() as installation:
        default = _STDOUT if ids or form is not None else installation.settings.default_tasks_file
        path = default if file is None else file
        form = _format_of(path, form)
        if days is not None and form != "ics":
            raise click.UsageError(f"--days is for calendars; {form} has whole definitions")
        tasks = _chosen(installation, ids)
        if dry_run and path != _STDOUT:
            tell(f"{len(tasks)} tasks would be written to {path} (dry run)")
        elif form == "ics":
            tasks = tasks if ids else [one for one in tasks if one.enabled]
            _write_calendar(installation, tasks, path, days)
        else:
            _write_tasks(installation, tasks, path, is_yaml=form == "yaml", is_all=not ids, reveal=reveal)


def _apart(what: Sequence[str]) -> tuple[list[str], Path | None]:
    """Return the ids and the file that a command line names.

    >>> _apart(["tea", "v1.2", "tasks.yaml"])
    (['tea', 'v1.2'], PosixPath('tasks.yaml'))
    """
    files = [one for one in what if one == "-" or "/" in one or Path(one).suffix.lower() in _FORMATS]
    if len(files) > 1:
        raise click.UsageError(f"{files[0]} and {files[1]} are both files; give one")
    return [one for one in what if one not in files], Path(files[0]) if files else None


def _format_of(path: Path, asked: str | None) -> str:
    by_ending = _FORMATS.get(path.suffix.lower())
    if asked is not None and by_ending not in (None, asked):
        raise click.UsageError(
            f"--format {asked} does not go with {path}; leave it out, or name another file"
        )
    return asked or by_ending or "json"


def _chosen(installation: Installation, ids: Sequence[str]) -> list[TaskDefinition]:
    from mission_control.operate.tasks import existing_task, task_id_of

    registry = installation.registry
    if not ids:
        return registry.definitions()
    return [existing_task(registry, one) for one in dict.fromkeys(task_id_of(registry, one) for one in ids)]


def _write_calendar(
    installation: Installation, tasks: Iterable[TaskDefinition], path: Path, days: int | None
) -> None:
    from mission_control.operate.next_times import occurrence_calendar, upcoming
    from mission_control.safe_paths.own_files import replace_file

    now = installation.clock()
    end, most = (None, _DUE_TIMES) if days is None else (now + timedelta(days=days), _MOST_DUE_TIMES)
    calendar = occurrence_calendar(
        tasks,
        installation.pauses.read(),
        lambda task, changed: islice(upcoming(task.schedule, now, end, changed), most),
        now,
    )
    if path == _STDOUT:
        echo_file(calendar)
    else:
        replace_file(path, calendar.encode())
        echo(str(path))


def _write_tasks(
    installation: Installation,
    tasks: Sequence[TaskDefinition],
    path: Path,
    *,
    is_yaml: bool,
    is_all: bool,
    reveal: bool,
) -> None:
    from mission_control.files.task_file import sections_of, write_task_file
    from mission_control.files.yaml_text import dump_yaml

    data_dir, found = installation.settings.data_dir, [task.to_dict() for task in tasks]
    resources: Resources = installation.all_resources()
    resources = resources if is_all else _used(resources, tasks)
    if path == _STDOUT:
        data = {**sections_of(resources), "tasks": shown_definitions(found, data_dir, reveal=reveal)}
        echo_file(dump_yaml(data)) if is_yaml else echo_json(data)
        return
    if shown_definitions(found, data_dir, reveal=False) != found:
        require_owner(data_dir)
    if path.is_dir():
        raise CommandError(f"{path} is a directory; name a file in it", ExitCode.USAGE)
    write_task_file(path, tasks, resources, is_yaml=is_yaml)
    echo(str(path))


def _used(resources: Resources, tasks: Iterable[TaskDefinition]) -> Resources:
    names = {section: {use.name for task in tasks for use in getattr(task, section)} for section in resources}
    return {
        section: {name: one for name, one in found.items() if name in names[section]}
        for section, found in resources.items()
    }
