"""The Celery application of the workers: `celery -A workers.app worker`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mission_control.installation import current_installation
from mission_control.messaging.celery_app import create_app
from workers.handler_tasks import register_handlers
from workers.heartbeat import HeartbeatStep
from workers.signals import connect_signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery

    from mission_control.installation import Installation


def build_app(installation: Callable[[], Installation]) -> Celery:
    """Return a Celery application that runs the handlers of an installation.

    The installation is asked for when Celery first uses the application: then the handlers are
    registered and the signal hook begins to listen.
    """
    app = create_app("workers", installation)
    app.steps["consumer"].add(HeartbeatStep)

    @app.on_after_finalize.connect(weak=False)
    def set_up(**_: Any) -> None:  # noqa: ANN401  # a signal's arguments
        register_handlers(app, installation())
        connect_signals(app, installation())

    return app


app = build_app(current_installation)
