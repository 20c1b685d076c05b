"""`mission-control account`: what was expected of a day, and what became of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.failures import ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, near, printable, table, tell
from mission_control.cli.terminal.wording import labelled_time, own_zone
from mission_control.configuration.clock import utc_now
from mission_control.configuration.settings import Settings, read_settings
from mission_control.errors import SettingsError
from mission_control.model.values.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mission_control.operate.account.account import Account

_LONGEST: Final = timedelta(days=366)
_SHOWN: Final = 20


@click.command()
@click.option("--day", type=parameters.PAST_MOMENT, metavar="DAY", help="This day: 2026-03-01 (yesterday).")
@click.option("--from", "since", type=parameters.PAST_MOMENT, metavar="MOMENT", help="From this time on.")
@click.option("--to", "until", type=parameters.PAST_MOMENT, metavar="MOMENT", help="Up to this time (now).")
@click.option("--files-only", is_flag=True, help="Do not use Redis: only the audit streams.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a file for auditors, too."
)
@click.option("--sign", is_flag=True, help="Sign the file; without it, it is signed if there is a key.")
@click.option(
    "--publish", is_flag=True, help="Hand the file to the command in MISSION_CONTROL_ACCOUNT_COMMAND."
)
@parameters.as_json
def account(  # one parameter an option
    day: datetime | None,
    since: datetime | None,
    until: datetime | None,
    files_only: bool,
    out: Path | None,
    sign: bool,
    publish: bool,
    as_json: bool,
) -> ExitCode:
    """Account for every occurrence of a time: expected = done + explained, and nothing unaccounted.

    Expected is what the timetables had that were in force then. An occurrence belongs to the time in its id.
    Without --from and --to it is a day in your time zone. `audit verify --account FILE` verifies a file. Exit
    code 0: nothing is unaccounted; 1: something is, and is listed; 7: it could not be published.
    """
    from mission_control.audit.stream.checkpoints import signer_with

    settings, span = read_settings(), _span(day, since, until, utc_now())
    if (sign or publish) and out is None:
        raise click.UsageError("--sign and --publish need --out FILE.")
    if publish and settings.account_command is None:
        raise click.UsageError("--publish needs MISSION_CONTROL_ACCOUNT_COMMAND.")
    if sign and settings.audit_key is None:
        raise SettingsError(
            "--sign needs MISSION_CONTROL_AUDIT_KEY: make a key with `mission-control audit keygen`"
        )
    signer = None if out is None or settings.audit_key is None else signer_with(settings.audit_key)
    found = _gathered(settings, span, files_only=files_only, is_whole=out is not None)
    echo_json(found.to_dict()) if as_json else show_account(found)
    if out is not None and not _written(found, out, signer, settings if publish else None):
        return ExitCode.PARTLY_DONE
    return ExitCode.DONE if found.is_balanced else ExitCode.FAILED


def _span(
    day: datetime | None, since: datetime | None, until: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    if day is not None and (since is not None or until is not None):
        raise click.UsageError("Give --day, or --from and --to.")
    if since is None and until is not None:
        raise click.UsageError("--to needs --from.")
    if since is None:
        first, last = _day(now - timedelta(days=1) if day is None else day)
    else:
        first, last = since, now if until is None else until
    if first >= now:
        raise click.UsageError(
            f"{labelled_time(first, own_zone())} is in the future; ask for a time that has passed."
        )
    if last <= first:
        raise click.UsageError("--to is not after --from; exchange them.")
    if last - first > _LONGEST:
        raise click.UsageError("That is longer than a year of 366 days; ask for shorter times one by one.")
    first, last = (one.replace(microsecond=0) for one in (first, min(last, now)))
    return first, last


def _day(moment: datetime) -> tuple[datetime, datetime]:
    """Return the beginnings of a day and of the next one, of 23 to 25 hours, in the user's zone."""
    from mission_control.model.definitions.schedules.clock.wall_clock import earliest

    here = own_zone()
    local = moment.astimezone(here).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    return earliest(local, here), earliest(local + timedelta(days=1), here)


def _gathered(
    settings: Settings, span: tuple[datetime, datetime], *, files_only: bool, is_whole: bool
) -> Account:
    from mission_control.operate.account.gathering import counted, with_ledger

    streams = settings.task_execution_log, settings.task_changes_log
    if files_only:
        return counted(*streams, span, utc_now(), is_whole=is_whole)[0]
    with current() as installation:
        found, reckoning = counted(
            *streams,
            span,
            installation.clock(),
            is_whole=is_whole,
        )
        return with_ledger(found, reckoning, installation.client)


def _written(
    found: Account, out: Path, signer: Callable[[bytes], bytes] | None, publishing: Settings | None
) -> bool:
    """Write the file, and publish it; return whether all of that was done."""
    from mission_control.operate.account.account_file import publish, sealed, write_account

    path = out.absolute()
    write_account(path, sealed(found, signer))
    tell(f"written to {near(path)}, {'signed' if signer is not None else 'not signed'}")
    if publishing is None or publishing.account_command is None:
        return True
    failure = publish(publishing.account_command.reveal(), path)
    tell("published" if failure is None else f"not published: MISSION_CONTROL_ACCOUNT_COMMAND: {failure}")
    return failure is None


def show_account(found: Account) -> None:
    """Print an account: the sums, each task, and by id what is not as it should be."""
    balance, here = found.balance, own_zone()
    times = " to ".join(labelled_time(one, here) for one in (found.since, found.until))
    done, explained = sum(balance.done.values()), sum(balance.explained.values())
    count = len(balance.unexplained) + balance.more
    missing = f" + unaccounted {count:,}" if count else ""
    echo(f"{times}: expected {balance.expected:,} = done {done:,} + explained {explained:,}{missing}")
    rows = [
        (
            name,
            f"{sum(causes.values()):,}",
            ", ".join(f"{count:,} {cause}" for cause, count in causes.items()),
        )
        for name, causes in sorted(_by_task(found).items())
    ]
    if rows:
        echo(table(Column("task", Worth.KEY), Column("occurrences"), Column("causes", Worth.KEY), rows=rows))
    if found.requested:
        others = ", ".join(f"{count:,} {trigger}" for trigger, count in found.requested.items())
        echo(f"other runs: {printable(others)}")
    _list("unaccounted", [_with_end(found, one) for one in balance.unexplained], count)
    _list("unexpected: no timetable had them", found.unexpected, found.counts["unexpected"])
    twice = [f"{one['id']}: {one['first'] or one['again']}, and again {one['again']}" for one in found.twice]
    _list("recorded twice", twice, found.counts["twice"])
    _list("timetable not known", found.unknown, len(found.unknown), "task")
    if found.is_balanced:
        echo("nothing unaccounted")


def _by_task(found: Account) -> dict[str, dict[str, int]]:
    ledger = {} if found.ledger is None else found.ledger.causes
    names = found.tasks.keys() | ledger.keys()
    both = {name: {**found.tasks.get(name, {}), **ledger.get(name, {})} for name in names}
    return {name: causes for name, causes in both.items() if causes}


def _with_end(found: Account, execution_id: str) -> str:
    state = None if found.ledger is None else found.ledger.ended.get(execution_id)
    ended = (
        "" if state is None else f" (the ledger has it as {state}; `mission-control audit repair` records it)"
    )
    return f"{execution_id}{ended}"


def _list(what: str, names: Sequence[str], count: int, noun: str = "occurrence") -> None:
    if not count:
        return
    echo(f"{what}: {counted(count, noun)}")
    for name in names[:_SHOWN]:
        echo(f"  {printable(name)}")
    if count > _SHOWN:
        which = "all" if count == len(names) else f"the first {len(names):,}"
        echo(f"  … and {count - _SHOWN:,} more; --json has {which}")
