"""Occurrences to come, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mission_control.cli.terminal.layout import Column, Worth
from mission_control.cli.terminal.output import echo, printable, table, tell
from mission_control.cli.terminal.wording import in_how_long, in_own_time, local_time, own_zone
from mission_control.cli.views.eta_view import eta_cells
from mission_control.configuration.clock import utc_now

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mission_control.model.definitions.condition import Condition
    from mission_control.model.definitions.schedules import Schedule
    from mission_control.model.policies.pause import PauseLayer
    from mission_control.model.runs.changed_occurrence import ChangedOccurrence
    from mission_control.operate.next_times import DueTime
    from mission_control.operate.simulation.forecast import Estimate


@dataclass(frozen=True)
class Asked:
    """A schedule, and what is known of its task, if it has one."""

    rule: Schedule
    pauses: Sequence[PauseLayer] = ()
    changed: Sequence[ChangedOccurrence] = ()
    condition: Condition | None = None
    meets: str | None = None
    task_id: str = ""


@dataclass(frozen=True)
class Shown:
    """Occurrences to show; with `etas`, also when each is expected to start, as far as that is known."""

    asked: Asked
    times: Iterable[DueTime]
    etas: Mapping[datetime, Estimate | None] | None

    def to_json(self) -> Iterator[dict[str, Any]]:
        """Yield each as a JSON object."""
        from mission_control.operate.next_times import due_json

        for one in self.times:
            found: dict[str, Any] = {
                **due_json(one, self.asked.rule, self.asked.pauses, self.asked.condition)
            }
            if self.etas is not None:
                eta = self.etas.get(one.scheduled_time)
                found["eta"] = None if eta is None else eta.to_json()
            yield found


def show_times(shown: Shown) -> None:
    """Print occurrences for people."""
    asked, rule, etas = shown.asked, shown.asked.rule, shown.etas
    now, here, found = utc_now(), own_zone(), list(shown.times)
    is_elsewhere = any(
        one.due.astimezone(here).utcoffset() != one.due.astimezone(rule.zone).utcoffset() for one in found
    )
    zones = [here, rule.zone] if is_elsewhere else [here]
    rows = [
        (
            *(local_time(one.due, zone) for zone in zones),
            one.due.astimezone(here).strftime("%A"),
            in_how_long(one.due, now),
            *(() if etas is None else eta_cells(etas.get(one.scheduled_time), here)),
            "; ".join(notes(one, here, asked)),
        )
        for one in found
    ]
    tell(rule.describe())
    if rows:
        own = [Column(zone.key, Worth.KEY if zone == here else Worth.HIGH) for zone in zones]
        starts = (
            () if etas is None else (Column("starts by (50 %)", Worth.KEY), Column("by (90 %)", Worth.KEY))
        )
        said = (Column(""), Column("", Worth.HIGH), *starts, Column("", Worth.KEY, least=20))
        echo(table(*own, *said, rows=rows))
    else:
        tell("no such time")


def notes(one: DueTime, here: ZoneInfo, asked: Asked) -> Iterator[str]:
    """Yield what keeps an occurrence from running at its time, in words."""
    from mission_control.operate.next_times import unmet_words

    if one.change is not None:
        own = "" if one.change.to is None else f"{local_time(one.scheduled_time, here)} "
        yield printable(f"{own}{in_own_time(one.change.words(), here)}")
    unmet = unmet_words(one, asked.rule, asked.condition)
    if unmet is not None:
        yield printable(unmet)
    yield from (printable(f"paused ({layer.name})") for layer in asked.pauses if layer.holds(one.due))
