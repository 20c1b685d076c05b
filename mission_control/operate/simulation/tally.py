"""Counts what happens in a simulation: runs, waits, what does not run and why, and the busiest minutes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from mission_control.model.policies.misfire import Miss, Skip
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.instants import format_instant, from_unix
from mission_control.operate.simulation.simulated_run import SimulatedRun

_MINUTE: Final = 60
_BUSIEST: Final = 5
_LATEST: Final = 10


@dataclass(frozen=True)
class Waits:
    """How long runs waited, in seconds: half of them no longer than `p50`, 90 % than `p90`."""

    count: int
    p50: float
    p90: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Waits:
        """Return those of some runs, one at least."""
        found = sorted(seconds)
        return cls(len(found), rank(found, 0.5), rank(found, 0.9), found[-1])

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        spans = {"p50": self.p50, "p90": self.p90, "longest": self.longest}
        return {"runs": self.count, **{name: round(one, 3) for name, one in spans.items()}}


def rank(ordered: Sequence[float], share: float) -> float:
    """Return the least of the ordered values that so large a share of them does not exceed.

    >>> rank([1.0, 2.0, 3.0, 4.0], 0.5), rank([1.0, 2.0, 3.0, 4.0], 0.9)
    (2.0, 4.0)
    """
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


class Tally:
    """A witness that counts; `changes` says when there is one more active run, or one less."""

    def __init__(self) -> None:
        self.fired_count = 0
        self.states: Counter[str] = Counter()
        self.not_run: Counter[str] = Counter()
        self.not_run_of: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.held: Counter[str] = Counter()
        self.minutes: Counter[int] = Counter()
        self.changes: list[tuple[float, int]] = []
        self.waits: defaultdict[str, list[float]] = defaultdict(list)
        self.lateness: defaultdict[str, list[float]] = defaultdict(list)

    def fired(self, now: float) -> None:
        """Count a run that beat fires."""
        self.fired_count += 1
        self.changes.append((now, 1))
        self.minutes[int(now // _MINUTE)] += 1

    def unfired(self, task_id: str, action: Miss | Skip) -> None:
        """Count an occurrence that is skipped or missed, by its cause."""
        self.states[RunState.SKIPPED if isinstance(action, Skip) else RunState.MISSED] += 1
        self.not_run[action.cause.kind] += 1
        self.not_run_of[task_id][action.cause.kind] += 1

    def held_up(self, by: str) -> None:
        """Count a run that must wait for a limit, or for another of its task."""
        self.held[by] += 1

    def started(self, run: SimulatedRun, now: float) -> None:
        """Count how long a run has waited on its queue, and how late it is."""
        if run.attempt == 1:
            self.waits[run.work.queue].append(now - run.ready)
            self.lateness[run.work.task_id].append(now - run.due)

    def ended(self, run: SimulatedRun, now: float) -> None:
        """Count a run that is over."""
        self.changes.append((now, -1))
        self.states[run.state] += 1

    def busiest(self) -> list[dict[str, Any]]:
        """Return the minutes in which most runs are fired."""
        found = sorted(self.minutes.items(), key=lambda one: (-one[1], one[0]))[:_BUSIEST]
        return [{"minute": format_instant(from_unix(at * _MINUTE)), "fired": count} for at, count in found]

    def latest(self) -> list[dict[str, Any]]:
        """Return the tasks whose runs start latest after they are due."""
        found = {task_id: Waits.of(late) for task_id, late in self.lateness.items()}
        ids = sorted(found, key=lambda one: (-found[one].p90, -found[one].longest, one))[:_LATEST]
        return [{"task_id": one, **found[one].to_json()} for one in ids]
