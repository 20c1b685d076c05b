"""`context["cooldown"]`: a service has asked for a pause, and every run that shares the limit keeps it."""

from typing import Final

from mission_control.events import events
from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.handler_contract import Cooldown
from mission_control.model.runs.run_record import RunRecord

LONGEST_SECONDS: Final = 7 * 86_400


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
