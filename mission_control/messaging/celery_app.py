"""A Celery application that is configured by us alone, not by variables that were set for another one."""

from typing import Any

from celery import Celery
from celery.app.utils import Settings
from celery.loaders.app import AppLoader

from mission_control.messaging.celery_config import CONNECTIONS, LOGGING


class OwnConfiguration(Settings):
    """Celery's configuration, without `CELERY_BROKER_URL` and the like."""

    @property
    def broker_url(self) -> Any:  # noqa: ANN401  # as configured
        """The broker of every connection."""
        return self.first("broker_url")

    broker_read_url = broker_write_url = broker_url

    @property
    def result_backend(self) -> Any:  # noqa: ANN401
        """Where results go: nowhere."""
        return self.first("result_backend")


class OwnLoader(AppLoader):
    """Celery's loader, without `CELERY_CONFIG_MODULE`."""

    def read_configuration(self, env: str = "") -> dict[str, Any]:  # noqa: ARG002  # Celery's signature
        """Return nothing: the application is configured by its defaults."""
        return {}


class OwnCelery(Celery):
    """A Celery application that reads no Celery variable."""

    def __init__(self, main: str) -> None:
        super().__init__(main, amqp=CONNECTIONS, loader=OwnLoader, log=LOGGING, set_as_current=False)
        # Celery fills this object later. Its own way of setting an attribute would set a key.
        object.__setattr__(self.conf, "__class__", OwnConfiguration)
