"""An account as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, printable, table
from mission_control.cli.terminal.own_zone import own_zone
from mission_control.cli.terminal.wording import labelled_time
from mission_control.model.values.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mission_control.operate.account.account import Account

_SHOWN: Final = 20


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
