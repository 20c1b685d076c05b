"""Setting and removing budgets of the installation that the environment describes.

All functions raise `StoreUnavailableError`, within seconds, if Redis cannot be reached or refuses.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NotRequired, TypedDict, cast

from mission_control.errors import UnknownBudgetError
from mission_control.installation.installation import current_installation
from mission_control.registry.budgets import Budgets
from mission_control.store.connection import store_errors

__all__ = ["RegisteredBudget", "get_budget", "list_budgets", "remove_budget", "set_budget"]


class RegisteredBudget(TypedDict):
    """A budget, with the fields that were given."""

    name: str
    usd: NotRequired[str]
    tokens: NotRequired[str]
    runs: NotRequired[str]


def set_budget(
    name: str, *, usd: str | None = None, tokens: str | None = None, runs: str | None = None
) -> bool:
    """Set a budget that tasks refer to by name, in the place of one of that name; False if it is so already.

    In any window of time, runs spend at most so many dollars, such as "5/d", so many tokens, such as
    "1M/12h", and there are at most so many, such as "200/h". What was spent so far still counts.

    Raises:
        InvalidBudgetError: lists every problem.
    """
    given = {"name": name, "usd": usd, "tokens": tokens, "runs": runs}
    with _budgets() as budgets:
        return budgets.set({field: value for field, value in given.items() if value is not None})


def get_budget(name: str) -> RegisteredBudget | None:
    """Return a budget with the fields that were given, or None if no budget has that name."""
    with _budgets() as budgets:
        found = budgets.all().get(name)
        return None if found is None else cast("RegisteredBudget", found.to_dict())


def list_budgets() -> list[RegisteredBudget]:
    """Return the budgets as `get_budget` does, sorted by name."""
    with _budgets() as budgets:
        return [cast("RegisteredBudget", one.to_dict()) for one in budgets.all().values()]


def remove_budget(name: str, *, force: bool = False) -> bool:
    """Remove a budget; False if there is none.

    Raises:
        BudgetInUseError: tasks refer to it, which the message names. With `force` it is removed all the same,
            and they run without it.
    """
    with _budgets() as budgets:
        try:
            budgets.remove(name, force=force)
        except UnknownBudgetError:
            return False
        return True


@contextmanager
def _budgets() -> Iterator[Budgets]:
    installation = current_installation()
    with store_errors(installation.redis_url):
        yield installation.budgets
