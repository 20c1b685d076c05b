"""A bare Celery application: our worker's configuration, with the code of Celery and kombu."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from celery import Celery

from benchmarks.marks import mark
from mission_control.installation.installation import Installation, current_installation
from mission_control.messaging.celery_config import celery_settings

EVENTS_VARIABLE: Final = "BENCHMARK_EVENTS"
NOOP: Final = "benchmarks.noop"


def build(installation: Callable[[], Installation]) -> Celery:
    """Return an application with a task that does nothing: acknowledged late, its result ignored.

    Everything is set as for our worker; without `EVENTS_VARIABLE` no events are sent.
    """
    bare = Celery("bare", set_as_current=False)

    def defaults() -> dict[str, Any]:
        ours = installation()
        events = EVENTS_VARIABLE in os.environ
        return {
            **celery_settings(ours.settings, ours.redis_url),
            "worker_send_task_events": events,
            "task_send_sent_event": events,
        }

    bare.add_defaults(defaults)
    bare.task(mark, name=NOOP)
    return bare


app = build(current_installation)
