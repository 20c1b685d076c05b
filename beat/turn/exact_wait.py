"""The last milliseconds before a due time: two tricks, each one line in `WakeUp`, that make beat exact.

Without them everything works, and handlers start up to a millisecond later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

WARM_UP_SECONDS: Final = 0.003
"""How long before the due time everything is warmed up. A connection, a server, a processor and its caches
that were idle for a second cost half a millisecond; and Linux lets select() oversleep by a thousandth of its
wait, which is a millisecond after a second but nothing after a few milliseconds."""

SPIN_SECONDS: Final = 0.0005
"""How long before the due time beat waits without sleep, so that the processor is awake."""


def warm_up(client: Redis, commit_nothing: Callable[[], object], *, is_prepared: bool) -> None:
    """Use what the coming due time needs: Redis, and the fire script if entries are prepared."""
    if is_prepared:
        commit_nothing()
    else:
        client.ping()


def spin(left: Callable[[], float]) -> None:
    """Wait without sleep: the kernel wakes a sleeping process too late, and on a slow processor."""
    while left() > 0:
        pass
