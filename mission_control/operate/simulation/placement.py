"""A better minute for a task, and how many workers start runs in time: answers of simulations."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from mission_control.model.values.instants import from_unix
from mission_control.operate.simulation.scenario import Scenario, Workers
from mission_control.operate.simulation.simulate import Simulated, simulate
from mission_control.operate.simulation.tally import rank

MOST_SLOTS: Final = 4_096
_MOST_EVENTS: Final = 50_000
_IN_TIME: Final = 0.99
_BEST: Final = 5
_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute of the day: how many other runs are active then, and how many are fired in it on all days.

    Active is the most while the task would run, on average of the days.
    """

    at: time
    active: float
    fired: int

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"minute": f"{self.at:%H:%M}", "active": round(self.active, 2), "fired": self.fired}


def slots_needed(scenario: Scenario, span: timedelta, within: timedelta) -> int | None:
    """Return with how many slots, of all queues, 99 % of runs start in time after they are due.

    None if `MOST_SLOTS` are too few: then limits or other runs of their tasks keep them back.
    """

    def are_enough(slots: int) -> bool:
        found = simulate(replace(scenario, workers=[Workers(slots)]), span, most=_MOST_EVENTS)
        return _share_in_time(found, within) >= _IN_TIME

    most = 1
    while not are_enough(most):
        most *= 2
        if most > MOST_SLOTS:
            return None
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if are_enough(middle) else (middle, most)
    return most


def _share_in_time(found: Simulated, within: timedelta) -> float:
    """Return the share of runs that start in time; those that never do are late, unless just fired."""
    late = [one for of_task in found.tally.lateness.values() for one in of_task]
    in_time = sum(one <= within.total_seconds() for one in late)
    by = (found.until - within).timestamp()
    fired = sum(change > 0 and at <= by for at, change in found.tally.changes)
    return in_time / max(fired, len(late)) if late or fired else 1.0


def better_minutes(
    scenario: Scenario, span: timedelta, window: tuple[time, time], zone: ZoneInfo, task_id: str | None
) -> list[Minute]:
    """Return the minutes of a window in which a task meets the fewest other runs, the best first."""
    others = {name: at for name, at in scenario.due.items() if name != task_id}
    found = simulate(replace(scenario, due=others), span)
    seconds = scenario.known.get(task_id or "", scenario.default).seconds
    lasts = rank(sorted(seconds), 0.5) if seconds else float(_MINUTE)
    active, fired = defaultdict[time, list[int]](list), Counter[time]()
    times, levels = _levels(found.tally.changes, len(scenario.active))
    for start in _minutes(found.since, found.until, window, zone):
        first, last = bisect_right(times, start), bisect_right(times, start + max(lasts, _MINUTE))
        at = from_unix(start).astimezone(zone).time()
        active[at].append(max(levels[max(0, first - 1) : max(last, 1)], default=0))
        fired[at] += found.tally.minutes[int(start // _MINUTE)]
    minutes = [Minute(at, sum(of_days) / len(of_days), fired[at]) for at, of_days in active.items()]
    return sorted(minutes, key=lambda one: (one.active, one.fired, one.at))[:_BEST]


def _minutes(since: datetime, until: datetime, window: tuple[time, time], zone: ZoneInfo) -> Iterator[float]:
    """Yield the minutes of the window on each day, in Unix seconds."""
    start, end = window
    at = -(-since.timestamp() // _MINUTE) * _MINUTE
    while at < until.timestamp():
        local = from_unix(at).astimezone(zone).time()
        if start <= local < end if start < end else local >= start or local < end:
            yield at
        at += _MINUTE


def _levels(changes: Sequence[tuple[float, int]], level: int) -> tuple[list[float], list[int]]:
    """Return when the number of active runs changes, and what it is from then on."""
    times, levels = [0.0], [level]
    for at, change in changes:
        level += change
        times.append(at)
        levels.append(level)
    return times, levels
