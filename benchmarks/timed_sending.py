"""Sending timed in the process that sends, whichever queue's it is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

WARM_UP = 200
"""So many are sent first: connections, caches and scripts are there by then."""


def report_sending(send: Callable[[int], None], calls: int) -> None:
    """Send, and print what that took as JSON; CPU is this process's."""
    send(WARM_UP)
    began, cpu = time.perf_counter(), time.process_time()
    send(calls)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"calls_per_second": calls / seconds, "cpu_us_per_call": cpu / calls * 1e6}))
