"""Scenarios of tasks whose runs take known times, and a witness that writes down what it sees."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from mission_control.model.definitions.due_times import due_after
from mission_control.model.definitions.task import parse_task
from mission_control.model.values.instants import from_unix
from mission_control.operate.simulation.active_runs import active_runs, enter_active
from mission_control.operate.simulation.engine import Engine
from mission_control.operate.simulation.experience import Experience
from mission_control.operate.simulation.scenario import Scenario, Workers

if TYPE_CHECKING:
    from mission_control.model.policies.misfire import Miss, Skip
    from mission_control.operate.simulation.simulated_run import SimulatedRun

MIDNIGHT: Final = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
MINUTE: Final = timedelta(minutes=1)


def always(seconds: float, **fields: Any) -> Experience:
    """Attempts that all took the same time."""
    return Experience([seconds] * 5, **fields)


def scenario(
    *tasks: dict[str, Any], slots: int = 1, known: dict[str, Experience] | None = None, **fields: Any
) -> Scenario:
    """Some tasks at midnight, whose runs take ten seconds unless they are `known` to take another time."""
    parsed = [parse_task({"handler": "handlers.hello.run", **one}) for one in tasks]
    due = {one.id: due_after(one, MIDNIGHT) for one in parsed}
    given = {one.id: always(10.0) for one in parsed} | (known or {})
    return Scenario(
        now=MIDNIGHT,
        tasks={one.id: one for one in parsed},
        due={name: at for name, at in due.items() if at is not None},
        workers=[Workers(slots)],
        known=given,
        **fields,
    )


class Notes:
    """Writes down what happens, with the time of day."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.engine: Engine | None = None

    def fired(self, now: float) -> None:
        """Runs are seen as they start."""

    def held_up(self, by: str) -> None:
        self._note(f"waits for {by}")

    def unfired(self, task_id: str, action: Miss | Skip) -> None:
        self._note(f"{task_id} not run: {action.cause.kind}")

    def started(self, run: SimulatedRun, now: float) -> None:
        self.lines.append(f"{from_unix(now):%H:%M:%S} {run.work.task_id} starts")

    def ended(self, run: SimulatedRun, _now: float) -> None:
        self._note(f"{run.work.task_id} {run.state}")

    def _note(self, what: str) -> None:
        assert self.engine is not None
        self.lines.append(f"{from_unix(self.engine.now):%H:%M:%S} {what}")


def course(given: Scenario, span: timedelta) -> list[str]:
    """What happens in a span of time from midnight on, a line each."""
    notes = Notes()
    engine = notes.engine = Engine(given, random.Random(1), notes)
    enter_active(engine, active_runs(given))
    engine.advance((given.now + span).timestamp(), most=10_000)
    return notes.lines
