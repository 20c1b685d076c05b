"""A Celery application, configured when it is first used and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from celery import Celery

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS: Final = "mission_control.messaging.transport.connection:ReliableAMQP"


def celery_app(main: str, configuration: Callable[[], dict[str, Any]]) -> Celery:
    """Return a Celery application called `main`; `configuration` is asked for when Celery first needs it."""
    app = Celery(main, amqp=CONNECTIONS, set_as_current=False)
    app.add_defaults(configuration)
    return app
