"""`mission-control simulate --replay`."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import rich_click as click

from mission_control.cli.terminal.exit_codes import ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, facts, table, tell
from mission_control.cli.terminal.own_zone import own_zone
from mission_control.cli.terminal.wording import labelled_time, local_time
from mission_control.model.values.instants import format_instant

_SHOWN: Final = 50


def replay(since: datetime, until: datetime, *, as_json: bool) -> int:
    """Decide again about a recorded stretch, show the differences, and return the exit code."""
    from mission_control.operate.simulation.recording import Recording
    from mission_control.operate.simulation.replay import count, replayed

    if until <= since:
        raise click.UsageError("--replay: TO must be after FROM")
    with current() as installation:
        log = installation.settings.task_changes_log
        recording = Recording(installation.client, installation.registry, installation.ledger, log)
        recorded = recording.of(since, until)
        forgotten = recording.forgotten(recorded)
    found = list(replayed(recorded))
    counts, different = count(found), [one for one in found if one.is_equal is False]
    here = own_zone()
    if as_json:
        echo_json(
            {
                "from": format_instant(since),
                "to": format_instant(until),
                "decisions": counts,
                "forgotten_until": None if forgotten is None else format_instant(forgotten),
                "differences": [
                    {"execution_id": one.execution_id, "at": format_instant(one.at)}
                    | {"recorded": one.recorded, "replayed": one.replayed}
                    for one in different
                ],
            }
        )
    else:
        span = f"{labelled_time(since, here)} to {labelled_time(until, here)}"
        numbers = ((name, f"{number:,}") for name, number in counts.items())
        echo(facts([("replayed", span), ("decisions", f"{len(found):,}"), *numbers]))
        rows = [
            (one.execution_id, local_time(one.at, here), one.recorded, str(one.replayed)) for one in different
        ]
        names = ("run", f"at ({here.key})", "recorded", "replayed")
        columns = [Column(name, Worth.KEY, least=20) for name in names]
        if rows:
            echo("", table(*columns, rows=rows[:_SHOWN]))
    if counts["unknown"]:
        tell("unknown: what these were decided by is not kept, such as a file, or what runs had spent")
    if forgotten is not None:
        until_then = labelled_time(forgotten, here)
        tell(f"not known: decisions about runs that are no longer kept, some up to {until_then}")
    return ExitCode.FAILED if different else ExitCode.DONE
