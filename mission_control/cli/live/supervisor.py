"""Keeping beat and worker up in the foreground, and showing what they do."""

from collections.abc import Callable
from typing import Any, Final

from mission_control.audit.stream.reader import Follower
from mission_control.processes.keeper import Keeper

_ROUND_SECONDS: Final = 0.1


def supervise(
    keeper: Keeper,
    follower: Follower,
    show: Callable[[dict[str, Any]], None],
    pause: Callable[[float], None],
    is_over: Callable[[], bool] = lambda: False,
    *,
    each_round: Callable[[], None] = lambda: None,
) -> None:
    """Restart what dies, and `show` each audit record as it appears, until `is_over` or `pause` raises.

    `each_round` is called again and again meanwhile.

    Raises:
        FleetError: a service does not stay up.
    """
    while not is_over():
        for record in follower.poll():
            show(record)
        keeper.look_once()
        each_round()
        pause(_ROUND_SECONDS)
