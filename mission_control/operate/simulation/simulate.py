"""`simulate`: one course of events from the present on, and what it shows."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mission_control.model.values.instants import format_instant, from_unix
from mission_control.operate.simulation.active_runs import active_runs, enter_active
from mission_control.operate.simulation.engine import Engine
from mission_control.operate.simulation.scenario import Scenario
from mission_control.operate.simulation.tally import Tally, Waits

MOST_EVENTS: Final = 250_000
"""How many steps a simulation has at most: it takes a few seconds, and little memory."""

_SEED: Final = 0


@dataclass(frozen=True)
class Simulated:
    """What a simulation has shown, from the present up to `until`; it was to go up to `asked`."""

    since: datetime
    until: datetime
    asked: datetime
    tally: Tally
    slots: int
    busy_seconds: float
    peaks: dict[tuple[str, str], int]
    assumptions: list[str]

    @property
    def is_cut(self) -> bool:
        """Whether it ends before it should, because it would take too long."""
        return self.until < self.asked

    @property
    def busy_percent(self) -> int:
        """How much of the workers' time runs take."""
        whole = self.slots * (self.until - self.since).total_seconds()
        return round(100 * self.busy_seconds / whole) if whole else 0

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object; spans of time are in seconds."""
        tally = self.tally
        return {
            "from": format_instant(self.since),
            "to": format_instant(self.until),
            "cut": self.is_cut,
            "fired": tally.fired_count,
            "outcomes": dict(tally.states),
            "not_run": dict(tally.not_run),
            "workers": {"slots": self.slots, "busy_percent": self.busy_percent},
            "queues": [
                {"queue": name, **Waits.of(one).to_json()} for name, one in sorted(tally.waits.items())
            ],
            "held_up": dict(tally.held),
            "budgets": [
                {"budget": name, "unit": unit, "peak_percent": percent}
                for (name, unit), percent in sorted(self.peaks.items())
            ],
            "latest": tally.latest(),
            "busiest": tally.busiest(),
            "assumptions": self.assumptions,
        }


def simulate(scenario: Scenario, span: timedelta, *, most: int = MOST_EVENTS) -> Simulated:
    """Return what happens in a span of time from the present on.

    Nothing is written anywhere. The same scenario gives the same answer. After `most` steps it ends.
    """
    tally = Tally()
    engine = Engine(scenario, random.Random(_SEED), tally)  # noqa: S311  # nothing secret
    enter_active(engine, active_runs(scenario))
    asked = scenario.now + span
    until = engine.advance(asked.timestamp(), most=most)
    return Simulated(
        scenario.now,
        from_unix(until),
        asked,
        tally,
        sum(pool.slots for pool in engine.queues.pools),
        sum(pool.busy_until(until) for pool in engine.queues.pools),
        engine.budgets.peaks,
        list(scenario.assumptions),
    )
