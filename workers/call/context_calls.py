"""What a handler may call in its context: `once`, `cooldown` and `spend`."""

from typing import Final

from mission_control.errors import InvalidSpendError
from mission_control.events import events
from mission_control.ledger.ledger import Ledger
from mission_control.model.definitions.named_budget import MOST
from mission_control.model.problems.messages import shown
from mission_control.model.runs.handler_contract import Cooldown, Spend
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.dollars import billionths

LONGEST_KEY: Final = 200
LONGEST_SECONDS: Final = 7 * 86_400


class Once:
    """Tells a handler whether to bring an effect about now: `if context["once"]("posted"): …`.

    Guarantees: of all calls with one key, over all attempts of a run, at most one returns True, even if a
    paused worker wakes up while its successor runs. Redis keeps the mark as long as the run.

    So the effect happens **at most once**, because it is marked before: if a worker dies between mark and
    effect, the effect is missing, and later attempts get False. If an effect has certainly not happened
    (the server refused it), `forget` it, and the next attempt tries again. Does not guarantee anything
    across runs, or for an effect that is repeated without asking.
    """

    def __init__(self, ledger: Ledger, run: RunRecord) -> None:
        self._ledger = ledger
        self._run = run

    def __call__(self, key: str) -> bool:
        """Return True if this is the first time that the run asks for `key`, and mark it.

        Raises:
            ValueError: `key` is no text of 1 to 200 characters.
            RedisError: the mark could not be made; the handler must not bring the effect about.
        """
        return self._ledger.mark_once(self._run, _checked(key))

    def forget(self, key: str) -> None:
        """Remove the mark: the effect has certainly not happened."""
        self._ledger.forget_once(self._run, _checked(key))


class OnceHere:
    """The same for a run that is not recorded, such as a trial of a handler."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def __call__(self, key: str) -> bool:
        """Return True if this is the first call with `key`."""
        is_first = _checked(key) not in self._keys
        self._keys.add(key)
        return is_first

    def forget(self, key: str) -> None:
        """Remove the mark."""
        self._keys.discard(_checked(key))


def _checked(key: str) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
        raise ValueError(f"once() takes a text of 1 to {LONGEST_KEY} characters that names the effect")
    return key


def cooldown_for(run: RunRecord, ledger: Ledger | None) -> Cooldown:
    """Return `cooldown(limit, seconds)`; without a ledger it checks its arguments and does nothing."""

    def cooldown(limit: str, seconds: float) -> bool:
        """Let no run begin by one of this run's limits for some seconds, as a `Retry-After` asks.

        A limit with `per` pauses for this run's value of it. Runs that have begun go on; this one may fail,
        and its retry waits, too. A longer pause that is in force stays. False if the limit was removed, or
        another worker has the run now.

        Raises:
            ValueError: the run does not have that limit, or `seconds` are not between 0 and 7 days.
            RedisError: the pause could not be made.
        """
        known = [name for name, _ in run.limits or []]
        if limit not in known:
            has = f"it has {', '.join(known)}" if known else "it has none; name limits in its task"
            raise ValueError(f"cooldown(): {limit!r} is no limit of run {run.execution_id}; {has}")
        if (
            isinstance(seconds, bool)
            or not isinstance(seconds, int | float)
            or not 0 <= seconds <= LONGEST_SECONDS
        ):
            raise ValueError(
                f"cooldown(): {seconds!r} is no number of seconds between 0 and {LONGEST_SECONDS:,}"
            )
        if ledger is None or not ledger.cool_down(run, limit, float(seconds)):
            return False
        events.limit_cooled_down(limit, float(seconds), run.execution_id)
        return True

    return cooldown


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
