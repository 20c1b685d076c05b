"""`mission-control task import`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.tasks.plan import old_and_new
from mission_control.cli.terminal.failures import ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_file, tell

if TYPE_CHECKING:
    from mission_control.operate.importing.imported import Entry, Imported

_KINDS = ("crontab", "celery-beat", "apscheduler")


@click.command(name="import")
@click.argument("kind", type=click.Choice(_KINDS), metavar="KIND")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a .json or .yaml file.",
)
@click.option(
    "--handler",
    "handlers",
    multiple=True,
    metavar="NAME=PATH",
    callback=old_and_new,
    help='The handler for what is called NAME there; "*" is all others, "command" those of a crontab.',
)
@click.option("--tz", "zone", metavar="ZONE", help="The zone of times that name none; by default your own.")
@click.option("--with-user", is_flag=True, help="Lines of the crontab name a user, as in /etc/crontab.")
def import_tasks(
    kind: str,
    file: Path | None,
    out: Path | None,
    handlers: Mapping[str, str],
    zone: str | None,
    with_user: bool,
) -> int:
    """Make a task file of another scheduler's entries, to plan and apply. Registers nothing.

    KIND is crontab, celery-beat or apscheduler; FILE a crontab (- is stdin), the Python source that has
    `beat_schedule` or adds the jobs, or an export: of `manage.py dumpdata django_celery_beat`, or of
    APScheduler's `export_jobs`. Source is read, never run, and no pickle is loaded. Without FILE, celery-beat
    has the RedBeat entries of this installation. What cannot be mapped is named with the reason, and left out
    as a whole; the exit code is then 7, or 4 if nothing could be mapped.
    """
    from mission_control.cli.terminal.wording import own_zone
    from mission_control.configuration.clock import utc_now
    from mission_control.operate.importing.imported import imported

    here = own_zone().key if zone is None else zone
    found = imported(_entries(kind, file, with_user=with_user), handlers, timezone=here, now=utc_now())
    _write(found, out)
    for line in found.unmapped:
        tell(f"not mapped: {line}")
    tell(f"{len(found.tasks)} tasks; not mapped: {len(found.unmapped)}")
    if not found.unmapped:
        return ExitCode.DONE
    return ExitCode.PARTLY_DONE if found.tasks else ExitCode.REFUSED


def _entries(kind: str, file: Path | None, *, with_user: bool) -> Iterable[Entry]:
    from mission_control.operate.importing import (
        apscheduler_export,
        apscheduler_source,
        celery_beat,
        crontab_file,
        django_dump,
    )

    if file is None and kind == "celery-beat":
        from mission_control.operate.redbeat_entries import redbeat_definitions

        with current() as installation:
            return list(
                celery_beat.stored_entries(
                    redbeat_definitions(installation.client, installation.redbeat_keys)
                )
            )
    if file is None:
        raise click.UsageError(f"name a FILE; {kind} reads the one that you give")
    text = _text(file)
    if kind == "crontab":
        return crontab_file.crontab_entries(text, with_user=with_user)
    is_export = text.lstrip()[:1] in {"[", "{"}
    if kind == "celery-beat":
        read = django_dump.dumped_entries if is_export else celery_beat.beat_schedule_entries
    else:
        read = apscheduler_export.exported_entries if is_export else apscheduler_source.apscheduler_entries
    return read(text, str(file))


def _text(file: Path) -> str:
    from mission_control.errors import TaskFileError
    from mission_control.files.json_file import LARGEST_FILE_BYTES, read_content

    content = sys.stdin.buffer.read(LARGEST_FILE_BYTES) if str(file) == "-" else read_content(file)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaskFileError(f"{file}: is not UTF-8: byte {error.start}; save it as UTF-8") from error


def _write(found: Imported, out: Path | None) -> None:
    import orjson

    from mission_control.files.yaml_text import dump_yaml
    from mission_control.safe_paths.own_files import replace_file

    data: dict[str, Any] = {"tasks": found.tasks}
    if out is None:
        echo_file(dump_yaml(data))
    elif found.tasks:
        is_json = out.suffix.lower() == ".json"
        replace_file(
            out, orjson.dumps(data, option=orjson.OPT_INDENT_2) if is_json else dump_yaml(data).encode()
        )
        echo(str(out))
