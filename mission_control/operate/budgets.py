"""How much of budgets is spent and reserved, and when a used-up one frees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from redis import Redis

from mission_control.model.definitions.named_budget import MOST, UNKNOWN, Budget, Cap
from mission_control.model.policies.budgets import NEAR, decide_budget
from mission_control.model.values.dollars import BILLIONTHS
from mission_control.model.values.instants import format_instant
from mission_control.registry.named_resources import read_resources
from mission_control.store import redis_keys

_SPAN: Final = re.compile(r"(usd|tokens|runs):(\d+)")


@dataclass(frozen=True)
class Standing:
    """How one cap of a budget stands.

    Amounts are in billionths of a dollar, tokens or runs. A used-up budget `frees_at`, None if it is not used
    up, or by reservations of runs. `holders` are the runs that have reserved of it, with what in words.
    """

    budget: str
    unit: str
    given: str
    cap: Cap
    spent: int
    reserved: int
    frees_at: datetime | None
    holders: Mapping[str, str]

    @property
    def percent(self) -> int:
        """How much of the cap is spent."""
        return self.spent * 100 // self.cap.amount

    def shown(self, amount: int) -> str:
        """Return an amount in words, of dollars as many decimals as it has."""
        return in_words(self.unit, amount)

    def words(self) -> str:
        """Say how it stands."""
        reserved = f", {self.shown(self.reserved)} reserved" if self.reserved else ""
        frees = "" if self.frees_at is None else f"; frees at {format_instant(self.frees_at)}"
        spent = f"{self.shown(self.spent)} of {self.given} {self.unit} spent ({self.percent} %)"
        return f"{self.budget}: {spent}{reserved}{frees}"

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object, dollars as dollars."""
        size = BILLIONTHS if self.unit == "usd" else 1
        frees = None if self.frees_at is None else format_instant(self.frees_at)
        amounts = {"cap": self.cap.amount, "spent": self.spent, "reserved": self.reserved}
        return {
            "unit": self.unit,
            "window_seconds": self.cap.window,
            **{name: amount / size if size > 1 else amount for name, amount in amounts.items()},
            "frees_at": frees,
        }


def in_words(unit: str, amount: float) -> str:
    """Return an amount of a unit in words.

    >>> in_words("usd", 1_500_000_000), in_words("tokens", 1_200_000)
    ('1.5', '1,200,000')
    """
    if unit != "usd":
        return f"{amount:,}"
    return f"{amount / BILLIONTHS:,.9f}".rstrip("0").rstrip(".")


def standings(client: Redis, budget: Budget, now: datetime) -> list[Standing]:
    """Return how each cap of a budget stands."""
    with client.pipeline() as pipe:
        pipe.hgetall(redis_keys.budget_spent(budget.name))
        pipe.hgetall(redis_keys.budget_reserved(budget.name))
        spent, reserved = pipe.execute()
    held = {run: json.loads(left) for run, left in reserved.items()}
    return [_standing(budget, unit, spent, held, now.timestamp()) for unit in budget.caps]


def _standing(
    budget: Budget, unit: str, stored: Mapping[str, str], held: Mapping[str, Mapping[str, float]], now: float
) -> Standing:
    cap = budget.caps[unit]
    spent = spent_spans(stored, unit, cap, now)
    reserved = int(sum(left.get(unit, 0) for left in held.values()))
    frees = decide_budget(cap, spent, reserved, UNKNOWN).frees_at
    return Standing(
        budget.name,
        unit,
        str(getattr(budget, unit)),
        cap,
        sum(amount for _, amount in spent),
        reserved,
        None if frees is None else datetime.fromtimestamp(frees, UTC),
        {run: _left_in_words(left) for run, left in held.items()},
    )


def spent_spans(stored: Mapping[str, str], unit: str, cap: Cap, now: float) -> list[tuple[int, int]]:
    """Return what is spent of a cap by its hash: the end of each span of the window, and how much in it."""
    spans = [
        (int(match[2]), int(amount))
        for name, amount in stored.items()
        if (match := _SPAN.fullmatch(name)) is not None and match[1] == unit
    ]
    return sorted(one for one in spans if one[0] + cap.window > now)


def _left_in_words(left: Mapping[str, float]) -> str:
    return " and ".join(f"{in_words(unit, int(left[unit]))} {unit}" for unit in MOST if unit in left)


def budget_json(budget: Budget, found: Iterable[Standing], users: Sequence[str]) -> dict[str, Any]:
    """Return a budget as a JSON object, with how it stands and the tasks that refer to it."""
    return {**budget.to_dict(), "tasks": users, "in_use": [one.to_json() for one in found]}


def budgets_in_words(
    client: Redis, now: datetime, *, names: Iterable[str] | None = None, least: int = NEAR
) -> list[str]:
    """Say how budgets stand of which `least` percent are spent, or nothing is left; by default of all."""
    wanted = None if names is None else set(names)
    known = read_resources(client, redis_keys.BUDGETS, Budget)
    found = [
        one
        for budget in known.values()
        if wanted is None or budget.name in wanted
        for one in standings(client, budget, now)
    ]
    return [
        one.words() for one in found if one.percent >= least or one.spent + one.reserved >= one.cap.amount
    ]
