"""`context["spend"]`: what a run has spent, counted at once for the budgets of its task."""

from mission_control.errors import InvalidSpendError
from mission_control.ledger.ledger import Ledger
from mission_control.model.definitions.named_budget import MOST
from mission_control.model.problems.messages import shown
from mission_control.model.runs.handler_contract import Spend
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.dollars import billionths


def spend_for(run: RunRecord, ledger: Ledger | None) -> Spend:
    """Return `spend(usd=…, tokens=…)`; without a ledger it checks its arguments and counts nothing."""

    def spend(*, usd: float = 0, tokens: int = 0) -> bool:
        """Count what this run has spent since the last call: dollars, tokens, or both.

        Return whether something is left of each budget of the run. Guarantees: all or nothing is counted, at
        once, for all attempts of the run together, even if another worker has the run now: what is spent is
        spent. Does not guarantee whether it was counted if Redis did not answer. Dollars are counted in
        billionths, rounded up.

        Raises:
            InvalidSpendError: an amount is negative, not finite, too large, or no number.
            RedisError: it could not be counted.
        """
        _check("usd", usd)
        _check("tokens", tokens)
        return True if ledger is None else ledger.spend(run, usd=billionths(usd), tokens=tokens)

    return spend


def _check(unit: str, amount: object) -> None:
    kind, what = (int, "whole number") if unit == "tokens" else (int | float, "number")
    if isinstance(amount, bool) or not isinstance(amount, kind) or not 0 <= amount <= MOST[unit]:
        raise InvalidSpendError(f"spend(): {unit}={shown(amount)} is no {what} between 0 and {MOST[unit]:,}")
