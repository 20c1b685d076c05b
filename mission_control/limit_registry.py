"""Setting and removing named limits of the installation that the environment describes.

All functions raise `StoreUnavailableError`, within seconds, if Redis cannot be reached or refuses.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NotRequired, TypedDict, cast

from mission_control.errors import UnknownLimitError
from mission_control.installation.installation import current_installation
from mission_control.registry.limits import Limits
from mission_control.store.connection import store_errors

__all__ = ["RegisteredLimit", "get_limit", "list_limits", "remove_limit", "set_limit"]


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
    with _limits() as limits:
        return limits.set({field: value for field, value in given.items() if value is not None})


def get_limit(name: str) -> RegisteredLimit | None:
    """Return a limit with the fields that were given, or None if no limit has that name."""
    with _limits() as limits:
        found = limits.all().get(name)
        return None if found is None else cast("RegisteredLimit", found.to_dict())


def list_limits() -> list[RegisteredLimit]:
    """Return the limits as `get_limit` does, sorted by name."""
    with _limits() as limits:
        return [cast("RegisteredLimit", one.to_dict()) for one in limits.all().values()]


def remove_limit(name: str, *, force: bool = False) -> bool:
    """Remove a limit; False if there is none. Runs that wait for it are sent.

    Raises:
        LimitInUseError: tasks refer to it, which the message names. With `force` it is removed all the same,
            and they run without it.
    """
    with _limits() as limits:
        try:
            limits.remove(name, force=force)
        except UnknownLimitError:
            return False
        return True


@contextmanager
def _limits() -> Iterator[Limits]:
    installation = current_installation()
    with store_errors(installation.redis_url):
        yield installation.limits
