"""`mission-control simulate --place` and `--start-within`."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING, Final

import rich_click as click

from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, echo_json, table
from mission_control.model.values.quantities import counted, duration

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.operate.simulation.scenario import Scenario

_COLUMNS: Final = (
    Column("other runs active then", Worth.KEY, right=True),
    Column("fired in it", Worth.KEY, right=True),
)


class Window(click.ParamType[tuple[time, time]]):
    """A span of the day, such as 07:00-09:00."""

    name = "window"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[time, time]:
        """Return its two times, or fail with an example."""
        from mission_control.model.definitions.schedules.clock.times_of_day import parse_time

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
