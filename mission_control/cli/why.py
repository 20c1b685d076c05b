"""`mission-control why`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

import rich_click as click
from rich.text import Text

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.completions import TASK_AND_RUN_IDS
from mission_control.cli.terminal.failures import ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import echo, echo_json, printable
from mission_control.cli.terminal.wording import in_own_time, labelled_time, own_zone
from mission_control.model.values.identifiers import is_cut

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.installation.installation import Installation
    from mission_control.operate.why.explanation import Explanation

_LONGEST: Final = 1_000
_EXIT_CODES: Final = {
    "failed": ExitCode.FAILED,
    "unknown": ExitCode.NOT_FOUND,
    "not_due": ExitCode.NOT_DUE,
    "skipped": ExitCode.SKIPPED,
    "lost": ExitCode.LOST,
}
_STYLES: Final = {
    "ran": "green",
    "failed": "red",
    "lost": "red",
    "running": "cyan",
    "waiting": "yellow",
    "skipped": "magenta",
    "unknown": "yellow",
}
_AHEAD: Final = {"to_come": "will run", "skipped": "will be skipped", "lost": "will be missed"}


@click.command(epilog="Example: mission-control why tea --at 'yesterday 09:00'")
@click.argument("name", metavar="TASK_ID|EXECUTION_ID", shell_complete=TASK_AND_RUN_IDS)
@click.option(
    "--at",
    type=parameters.ONE_PAST_MOMENT,
    metavar="MOMENT",
    help="The occurrence of this time, past or to come: 'yesterday 09:00'.",
)
@click.option("--last-missed", is_flag=True, help="The last occurrence or run that did not run.")
@click.option("--next", "is_next", is_flag=True, help="The next occurrence.")
@parameters.as_json
def why(name: str, at: datetime | None, last_missed: bool, is_next: bool, as_json: bool) -> int:
    """Explain why a task or run ran, did not run, or waits, and when it will run.

    The first cause decided; the others contribute. Exit codes: 10 not due, 11 skipped on purpose, 12 lost.
    """
    if (at is not None) + last_missed + is_next > 1:
        raise click.UsageError("Give only one of --at, --last-missed and --next.")
    from mission_control.operate.assembly import asking

    with current() as installation:
        found = asking(installation).why(
            _whole(installation, name), at, "last_missed" if last_missed else "next" if is_next else "now"
        )
    if as_json:
        echo_json(found.to_json())
    else:
        echo(*_lines(found, own_zone()))
    return _EXIT_CODES.get(str(found.verdict), ExitCode.DONE)


def _whole(installation: Installation, name: str) -> str:
    """Return the id that a text stands for, if it says that it is cut."""
    from mission_control.dispatch.run_control import existing_run
    from mission_control.operate.tasks import task_id_of

    if is_cut(name) and "@" in name:
        return existing_run(installation.ledger, name).execution_id
    return task_id_of(installation.registry, name, changes=True)


def _lines(found: Explanation, here: ZoneInfo) -> Iterator[Text]:
    style = _STYLES.get(str(found.verdict), "")
    yield _line("", _subject(found, here), (": ", ""), (_words(found), style))
    for at, one in enumerate(found.findings):
        label = "  also    " if at else "  because "
        yield _line(label, in_own_time(one.words, here), (f"  [{one.code}, {one.source}]", "dim"))
        if one.remedy is not None:
            yield _line("          ", one.remedy, style="dim")
    if found.following is not None:
        yield Text("")
        yield from _lines(found.following, here)


def _line(start: str, text: str, *more: tuple[str, str], style: str = "") -> Text:
    return Text.assemble(start, (printable(text, limit=_LONGEST), style), *more)


def _subject(found: Explanation, here: ZoneInfo) -> str:
    name = found.task_id if found.execution_id is None else found.execution_id
    time = found.scheduled_time
    return name if time is None else f"{name}, {labelled_time(time, here)}"


def _words(found: Explanation) -> str:
    verdict = str(found.verdict)
    plain = verdict.replace("_", " ")
    return _AHEAD.get(verdict, plain) if found.is_ahead else plain
