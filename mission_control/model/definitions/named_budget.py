"""Budgets, which several tasks may share: how much their runs may spend in a rolling window of time."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, ClassVar, Final, NamedTuple

from pydantic import AfterValidator, Field, model_serializer, model_validator

from mission_control.errors import InvalidBudgetError, Problem
from mission_control.model.definitions.named_resource import NamedResource
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.values.dollars import BILLIONTHS, billionths
from mission_control.model.values.fields import FrozenModel, checked_by
from mission_control.model.values.rates import window_of

MOST: Final = {"usd": 1_000_000, "tokens": 1_000_000_000_000, "runs": 1_000_000}
"""The units of budgets, and the most that a budget may have of each."""

UNKNOWN: Final = -1
"""What a run is expected to spend if nothing tells."""

_LONGEST_WINDOW: Final = 366 * 86_400
_CAP: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)([kMG]?)/(\d{0,5}[a-z]{1,7})")
_SCALES: Final = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")


class Cap(NamedTuple):
    """So much at most, in billionths of a dollar, tokens or runs, in any `window` of seconds."""

    amount: int
    window: int


def cap_of(unit: str, text: str) -> Cap:
    """Return the cap that a text says.

    >>> cap_of("usd", "2.5/d"), cap_of("tokens", "1M/12h")
    (Cap(amount=2500000000, window=86400), Cap(amount=1000000, window=43200))

    Raises:
        ValueError: it says none.
    """
    found = _CAP.fullmatch(text)
    try:
        window = 0.0 if found is None else window_of(found[3])
    except ValueError:
        found = None
    if found is None:
        raise ValueError(f'{quoted(text)} is no budget; write an amount in a time, such as "5/d" or "1M/12h"')
    amount = Decimal(found[1]) * _SCALES[found[2]]
    if not 0 < amount <= MOST[unit]:
        raise ValueError(f"{quoted(text)} is not more than 0 and up to {MOST[unit]:,} {unit}")
    if not 0 < window <= _LONGEST_WINDOW or window % 1:
        raise ValueError(f"{quoted(text)} has a window that is not between 1 s and 366 d")
    counted = amount * BILLIONTHS if unit == "usd" else amount
    if counted != int(counted):
        raise ValueError(f"{quoted(text)} is no whole number of {unit}")
    return Cap(int(counted), int(window))


def _name(value: str) -> None:
    if _NAME.fullmatch(value) is None:
        raise ValueError(
            f'{quoted(value)} is no name of a budget; use up to 128 letters, digits, "_", ".", ":" and "-", '
            "and begin with a letter or digit"
        )


BudgetName = Annotated[str, checked_by(_name)]


def _cap_in(unit: str) -> AfterValidator:
    return checked_by(partial(cap_of, unit))


class BudgetUse(FrozenModel):
    """A budget that the runs of a task use, and what one run is expected to spend, if the task says so."""

    name: BudgetName
    usd: float | None = Field(default=None, ge=0, le=MOST["usd"])
    tokens: int | None = Field(default=None, ge=0, le=MOST["tokens"])

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @model_serializer
    def _shortest(self) -> str | dict[str, Any]:
        given = {
            name: value for name, value in (("usd", self.usd), ("tokens", self.tokens)) if value is not None
        }
        return {"name": self.name, **given} if given else self.name

    def of_run(self) -> list[Any]:
        """Return it as a run carries it: the name, billionths of a dollar, tokens."""
        usd = UNKNOWN if self.usd is None else billionths(self.usd)
        return [self.name, usd, UNKNOWN if self.tokens is None else self.tokens]


class Budget(NamedResource):
    """Runs spend at most so many dollars and tokens, and there are at most so many, in a rolling window."""

    noun: ClassVar[str] = "budget"
    invalid: ClassVar = InvalidBudgetError

    name: BudgetName
    usd: Annotated[str, _cap_in("usd")] | None = None
    tokens: Annotated[str, _cap_in("tokens")] | None = None
    runs: Annotated[str, _cap_in("runs")] | None = None

    @property
    def caps(self) -> dict[str, Cap]:
        """The caps by their units."""
        given = ((unit, getattr(self, unit)) for unit in MOST)
        return {unit: cap_of(unit, text) for unit, text in given if text is not None}

    def computed(self) -> dict[str, Any]:
        """Return the caps, which `budgets.lua` needs as numbers."""
        return {"caps": self.caps}

    def words(self) -> str:
        """Say what the budget allows.

        >>> Budget(name="agent:research", usd="5/d", runs="200/h").words()
        '5/d usd, 200/h runs'
        """
        return ", ".join(f"{getattr(self, unit)} {unit}" for unit in self.caps)

    def problem(self) -> Problem | None:
        """Return that it has no cap at all."""
        return None if self.caps else Problem("", 'give it usd, tokens or runs, such as "5/d"')


def budget_problems(
    uses: Sequence[BudgetUse], known: Mapping[str, Budget], *, field: str = "budgets"
) -> Iterable[Problem]:
    """Yield what is wrong with the budgets that a task refers to."""
    for at, use in enumerate(uses):
        where, budget = f"{field}[{at}]", known.get(use.name)
        if budget is None:
            hint = did_you_mean(use.name, known) or "; set it with `mission-control budget set`"
            yield Problem(where, f"{quoted(use.name)} is no budget{hint}")
            continue
        for unit, expected in zip(("usd", "tokens"), use.of_run()[1:], strict=True):
            cap = budget.caps.get(unit)
            if cap is not None and expected > cap.amount:
                most = (
                    f"{getattr(use, unit):.15g} is more than budget {use.name} has, {getattr(budget, unit)}"
                )
                yield Problem(f"{where}.{unit}", f"{most}; lower one or raise the other")
        if use.name in [other.name for other in uses[:at]]:
            yield Problem(where, f"{quoted(use.name)} is listed twice; write it once")
