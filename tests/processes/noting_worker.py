"""The workers' application for tests of the order in which a worker does things, noted in the file STEPS.

AT_ONCE is within how many seconds an answer counts as immediate.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import billiard.pool
from kombu.transport.redis import Channel

from mission_control.messaging.transport import consuming_channel
from mission_control.messaging.transport.channel import ReliableChannel
from mission_control.messaging.transport.consuming_channel import ConsumingChannel
from workers.app import app

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["app"]

_STEPS: Final = os.open(os.environ["STEPS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def _noting(step: str, do: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*args: Any, **kwargs: Any) -> Any:
        os.write(_STEPS, f"{step}\n".encode())
        return do(*args, **kwargs)

    return noted


_writing_to: Final[Callable[[Any], Callable[..., Any]]] = billiard.pool._get_send_offset

consuming_channel._AT_ONCE_SECONDS = float(os.environ["AT_ONCE"])  # type: ignore[misc]
billiard.pool._get_send_offset = lambda child: _noting("written", _writing_to(child))
ReliableChannel.deliver = _noting("taken", ReliableChannel.deliver)  # type: ignore[method-assign]
ConsumingChannel._fetch_start = _noting("fetches", ConsumingChannel._fetch_start)  # type: ignore[method-assign]
Channel._brpop_start = _noting("waits", Channel._brpop_start)
