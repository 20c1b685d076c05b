"""Setting and removing named limits and budgets of the installation that the environment describes.

All functions raise `StoreUnavailableError`, within seconds, if Redis cannot be reached or refuses.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NotRequired, TypedDict, cast

from mission_control.errors import UnknownResourceError
from mission_control.installation.installation import current_installation
from mission_control.registry.named_resources import NamedResources
from mission_control.store.connection import store_errors

__all__ = [
    "RegisteredBudget",
    "RegisteredLimit",
    "get_budget",
    "get_limit",
    "list_budgets",
    "list_limits",
    "remove_budget",
    "remove_limit",
    "set_budget",
    "set_limit",
]

_Kind = Literal["limits", "budgets"]


class RegisteredLimit(TypedDict):
    """A limit, with the fields that were given."""

    name: str
    concurrency: NotRequired[int]
    rate: NotRequired[str]
    burst: NotRequired[int]
    per: NotRequired[str]


def set_limit(
    name: str,
    *,
    concurrency: int | None = None,
    rate: str | None = None,
    burst: int | None = None,
    per: str | None = None,
) -> bool:
    """Set a limit that tasks refer to by name, in the place of one of that name; False if it is so already.

    At most `concurrency` runs go on at a time; at most `rate` begin, such as "30/m", of which `burst` (1) may
    begin at once. With `per`, such as "params.customer", each value of that param is limited on its own.
    Runs that have begun go on; runs that wait are judged by the new limit at once.

    Raises:
        InvalidLimitError: lists every problem.
        LimitInUseError: a task that refers to the limit has a weight above the new concurrency.
    """
    given = {"name": name, "concurrency": concurrency, "rate": rate, "burst": burst, "per": per}
    return _set("limits", given)


def get_limit(name: str) -> RegisteredLimit | None:
    """Return a limit with the fields that were given, or None if no limit has that name."""
    return cast("RegisteredLimit | None", _get("limits", name))


def list_limits() -> list[RegisteredLimit]:
    """Return the limits as `get_limit` does, sorted by name."""
    return cast("list[RegisteredLimit]", _list("limits"))


def remove_limit(name: str, *, force: bool = False) -> bool:
    """Remove a limit; False if there is none. Runs that wait for it are sent.

    Raises:
        LimitInUseError: tasks refer to it, which the message names. With `force` it is removed all the same,
            and they run without it.
    """
    return _remove("limits", name, force=force)


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
    return _set("budgets", given)


def get_budget(name: str) -> RegisteredBudget | None:
    """Return a budget with the fields that were given, or None if no budget has that name."""
    return cast("RegisteredBudget | None", _get("budgets", name))


def list_budgets() -> list[RegisteredBudget]:
    """Return the budgets as `get_budget` does, sorted by name."""
    return cast("list[RegisteredBudget]", _list("budgets"))


def remove_budget(name: str, *, force: bool = False) -> bool:
    """Remove a budget; False if there is none.

    Raises:
        BudgetInUseError: tasks refer to it, which the message names. With `force` it is removed all the same,
            and they run without it.
    """
    return _remove("budgets", name, force=force)


def _set(kind: _Kind, given: Mapping[str, object]) -> bool:
    with _resources(kind) as resources:
        return resources.set({field: value for field, value in given.items() if value is not None})


def _get(kind: _Kind, name: str) -> dict[str, Any] | None:
    with _resources(kind) as resources:
        found = resources.all().get(name)
        return None if found is None else found.to_dict()


def _list(kind: _Kind) -> list[dict[str, Any]]:
    with _resources(kind) as resources:
        return [one.to_dict() for one in resources.all().values()]


def _remove(kind: _Kind, name: str, *, force: bool) -> bool:
    with _resources(kind) as resources:
        try:
            resources.remove(name, force=force)
        except UnknownResourceError:
            return False
        return True


@contextmanager
def _resources(kind: _Kind) -> Iterator[NamedResources[Any]]:
    installation = current_installation()
    with store_errors(installation.redis_url):
        yield installation.resources[kind]
