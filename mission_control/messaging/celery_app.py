"""The Celery application, configured when it is first used and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from celery import Celery

from mission_control.installation import Installation, current_installation
from mission_control.messaging.celery_config import celery_settings

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS: Final = "mission_control.messaging.transport.connection:ReliableAMQP"


def create_app(main: str, installation: Callable[[], Installation] = current_installation) -> Celery:
    """Return a Celery application called `main`.

    Importing a module that calls this opens nothing and reads no environment: the installation is asked
    for when Celery first needs its configuration. It is at hand as `app.installation()`.
    """
    app = Celery(main, amqp=CONNECTIONS, set_as_current=False)

    def defaults() -> dict[str, Any]:
        ours = installation()
        configured = celery_settings(ours.settings, ours.redis_url)
        # Messages are parked there, wherever the broker is; without it they wait in a worker's memory.
        configured["broker_transport_options"]["ledger_client"] = lambda: ours.client
        return configured

    app.add_defaults(defaults)
    app.installation = installation
    return app
