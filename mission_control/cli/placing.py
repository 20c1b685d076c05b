"""`mission-control simulate` with `--place`, `--start-within` or `--replay`."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.terminal.failures import ExitCode
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, facts, table, tell
from mission_control.cli.terminal.wording import labelled_time, local_time, own_zone
from mission_control.model.values.instants import format_instant
from mission_control.model.values.quantities import counted, duration

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.operate.simulation.scenario import Scenario

_COLUMNS: Final = (
    Column("other runs active then", Worth.KEY, right=True),
    Column("fired in it", Worth.KEY, right=True),
)
_SHOWN: Final = 50


class Window(click.ParamType[tuple[time, time]]):
    """A span of the day, such as 07:00-09:00."""

    name = "window"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[time, time]:
        """Return its two times, or fail with an example."""
        from mission_control.model.definitions.schedules.clock.calendar_words import parse_time

        try:
            start, end = map(parse_time, value.split("-"))
        except ValueError:
            self.fail(f"{value!r} is no span of the day; write such as 07:00-09:00", param, ctx)
        if start == end:
            self.fail(f"{value!r} has no minute; write such as 07:00-09:00", param, ctx)
        return start, end


def show_place(
    scenario: Scenario,
    span: timedelta,
    window: tuple[time, time],
    zone: ZoneInfo,
    task_id: str | None,
    *,
    as_json: bool,
) -> None:
    """Show the minutes of a window in which a task meets the fewest other runs."""
    from mission_control.operate.simulation.placement import better_minutes

    found = better_minutes(scenario, span, window, zone, task_id)
    if as_json:
        echo_json({"timezone": zone.key, "minutes": [one.to_json() for one in found]})
        return
    rows = [(f"{one.at:%H:%M}", f"{one.active:.1f}", str(one.fired)) for one in found]
    echo(table(Column(f"minute ({zone.key})", Worth.KEY), *_COLUMNS, rows=rows) if rows else "no such minute")


def show_slots(scenario: Scenario, span: timedelta, within: timedelta, *, as_json: bool) -> None:
    """Show how many slots it takes so that 99 % of runs start in time."""
    from mission_control.operate.simulation.placement import MOST_SLOTS, slots_needed

    slots = slots_needed(scenario, span, within)
    if as_json:
        echo_json({"start_within_seconds": within.total_seconds(), "slots": slots})
    elif slots is None:
        echo(f"{MOST_SLOTS:,} slots are too few: limits, or other runs of their tasks, keep runs back")
    else:
        echo(f"{counted(slots, 'slot')} start 99 % of runs within {duration(within)} of when they are due")


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
