"""The Celery application of the workers: `celery -A workers.app worker`."""

from __future__ import annotations

from typing import Any

from mission_control.installation import current_installation
from mission_control.messaging.celery_app import create_app
from workers.handler_tasks import register_handlers
from workers.heartbeat import HeartbeatStep
from workers.signals import connect_signals

app = create_app("workers")
app.steps["consumer"].add(HeartbeatStep)


@app.on_after_finalize.connect
def set_up(**_: Any) -> None:  # noqa: ANN401  # a signal's arguments
    """Register the handlers and listen to endings, once Celery starts to use the application."""
    installation = current_installation()
    register_handlers(app, installation)
    connect_signals(app, installation)
