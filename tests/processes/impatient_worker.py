"""The workers' application for tests of a consumer that is stuck: less patient, and stuck on command.

PATIENCE is JSON: constants of `consumer_watchdog` with their values here. While the
file named by STUCK exists the consumer asks for no messages; while that of HANGING exists, its loop hangs.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Final

from mission_control.messaging.transport.consuming_channel import ConsumingChannel
from mission_control.processes import heartbeats
from workers.app import app
from workers.process import consumer_watchdog

__all__ = ["app"]

_STUCK: Final = Path(os.environ["STUCK"])
_HANGING: Final = Path(os.environ["HANGING"])
_ask: Final[Any] = ConsumingChannel._brpop_start


def _ask_unless_stuck(channel: ConsumingChannel, timeout: float | None = None) -> None:
    while _HANGING.exists():
        time.sleep(0.05)
    if not _STUCK.exists():
        _ask(channel, timeout)


for _name, _value in json.loads(os.environ["PATIENCE"]).items():
    setattr(consumer_watchdog, _name, _value)
app.conf.broker_transport_options = {**app.conf.broker_transport_options, "socket_timeout": 2}
heartbeats.LIFE_SECONDS = 3  # type: ignore[misc]
ConsumingChannel._brpop_start = _ask_unless_stuck  # type: ignore[assignment,method-assign]
