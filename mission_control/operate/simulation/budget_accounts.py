"""Budgets in a simulation: what runs reserve as they are fired, and what they have spent.

The decisions are those of `model/policies/budgets.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import dropwhile
from math import ceil
from typing import NamedTuple

from mission_control.model.definitions.named_budget import UNKNOWN, Budget
from mission_control.model.policies.budgets import decide_again, decide_budget, span_end
from mission_control.operate.simulation.experience import Draws
from mission_control.operate.simulation.scenario import Spans
from mission_control.operate.simulation.simulated_run import SimulatedRun


class Reservation(NamedTuple):
    """What a run has reserved of one unit of a budget, and not spent yet."""

    budget: str
    unit: str
    amount: int


class BudgetAccounts:
    """What is spent and reserved of all budgets; `peaks` is the most that was spent of each, in percent."""

    def __init__(self, budgets: Mapping[str, Budget], spent: Spans, draws: Draws) -> None:
        self._caps = {name: budget.caps for name, budget in budgets.items()}
        self._spent = {
            (name, unit): list(spans) for name, units in spent.items() for unit, spans in units.items()
        }
        self._reserved: dict[tuple[str, str], int] = {}
        self._draws = draws
        self.peaks: dict[tuple[str, str], int] = {}

    def reserve(self, run: SimulatedRun, now: float) -> str | None:
        """Let a run reserve what it is expected to spend; or return the budget that does not allow it."""
        found = list[Reservation]()
        for name, usd, tokens in run.work.budgets:
            expected = {"usd": usd, "tokens": tokens, "runs": 1}
            for unit, cap in self._caps.get(name, {}).items():
                needed = self._expected(run, unit, expected[unit])
                verdict = decide_budget(cap, self._spans(name, unit, now), self._held(name, unit), needed)
                if verdict.reserves is None:
                    return name
                found.append(Reservation(name, unit, verdict.reserves))
        for one in found:
            self._keep(run, one, now)
        return None

    def hold(self, run: SimulatedRun, reservations: Iterable[Reservation]) -> None:
        """Let a run have reserved what it has."""
        for one in reservations:
            run.reserved.append(one)
            self._reserved[one.budget, one.unit] = self._held(one.budget, one.unit) + one.amount

    def allows_again(self, run: SimulatedRun, now: float) -> bool:
        """Return whether a run may make another attempt by its budgets."""
        for one in run.reserved:
            cap, reserved = self._caps[one.budget][one.unit], self._held(one.budget, one.unit) - one.amount
            expected = ceil(run.spent.get(one.unit, 0) / run.attempt)
            spans = self._spans(one.budget, one.unit, now)
            if decide_again(cap, spans, reserved, one.amount, expected, is_lent=False).reserves is None:
                return False
        return True

    def spend(self, run: SimulatedRun, now: float) -> None:
        """Count what an attempt of a run has spent."""
        for unit in {one.unit for one in run.reserved}:
            amount = self._draws.spends(run.work.task_id, unit)
            run.spent[unit] = run.spent.get(unit, 0) + amount
            for name in {one.budget for one in run.reserved if one.unit == unit}:
                self._count(name, unit, amount, now)

    def give_back(self, run: SimulatedRun) -> None:
        """Give back what a run that has ended has reserved."""
        for one in run.reserved:
            self._reserved[one.budget, one.unit] -= one.amount
        run.reserved = []

    def _keep(self, run: SimulatedRun, one: Reservation, now: float) -> None:
        if one.unit == "runs":
            self._count(one.budget, one.unit, 1, now)
            return
        self.hold(run, [one])

    def _expected(self, run: SimulatedRun, unit: str, given: int) -> int:
        if given != UNKNOWN:
            return given
        spent = (self._draws.of(run.work.task_id).spent or {}).get(unit)
        return ceil(sum(spent) / len(spent)) if spent else UNKNOWN

    def _held(self, name: str, unit: str) -> int:
        return self._reserved.get((name, unit), 0)

    def _spans(self, name: str, unit: str, now: float) -> list[tuple[int, int]]:
        """Return what is spent in the window, without what has left it."""
        window, spans = self._caps[name][unit].window, self._spent.get((name, unit), [])
        if spans and spans[0][0] + window <= now:
            spans = list(dropwhile(lambda one: one[0] + window <= now, spans))
            self._spent[name, unit] = spans
        return spans

    def _count(self, name: str, unit: str, amount: int, now: float) -> None:
        cap = self._caps[name][unit]
        spans, end = self._spans(name, unit, now), span_end(now, cap.window)
        if spans and spans[-1][0] == end:
            spans[-1] = end, spans[-1][1] + amount
        else:
            spans.append((end, amount))
        self._spent[name, unit] = spans
        percent = sum(one for _, one in spans) * 100 // cap.amount
        self.peaks[name, unit] = max(self.peaks.get((name, unit), 0), percent)
