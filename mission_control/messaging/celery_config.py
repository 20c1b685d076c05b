"""The Celery configuration of beat, workers and producers alike, and an application that has it."""

from typing import Any, Final

from celery import Celery
from celery.app.utils import Settings as CelerySettings
from celery.loaders.app import AppLoader

from mission_control.configuration.broker_address import kombu_url, transport_options
from mission_control.configuration.settings import Settings
from mission_control.store.address.hidden_login import hide_login
from mission_control.store.address.sentinel_connection import kombu_options, redbeat_options, tls_options
from mission_control.store.address.sentinel_url import SentinelAddress, is_sentinel_url, read_sentinel_url

CONNECTIONS: Final = "mission_control.messaging.transport.connection:ReliableAMQP"
LOGGING: Final = "mission_control.messaging.celery_logging:OwnLogging"
BEAT_SCHEDULER: Final = "beat.scheduler:MissionControlScheduler"

# What makes RedBeat ask the Sentinels of its options.
REDBEAT_SENTINEL_URL: Final = "redis-sentinel://"

# A message that is due later than this waits in Redis, not in a worker's memory. It is a minute and a
# moment more, so that a message that returns when a lease of a minute has run out is not parked.
PARK_AFTER_SECONDS: Final = 61

# How often a worker looks for messages that their holders stopped renewing.
RESTORE_INTERVAL_SECONDS: Final = 5


def celery_settings(settings: Settings, redis_url: str) -> dict[str, Any]:
    """Return the configuration for an installation whose Redis is at `redis_url`."""
    return {
        **_broker(settings, redis_url),
        **_tasks(settings),
        **_worker(),
        "mission_control_log_format": settings.log_format,
        **_beat(settings, redis_url),
        # Every instant in a message is UTC; only schedules know zones.
        "timezone": "UTC",
        "enable_utc": True,
    }


def _broker(settings: Settings, redis_url: str) -> dict[str, Any]:
    url = redis_url if settings.broker_url is None else settings.broker_url
    sentinels = _sentinels(url)
    return {
        "broker_url": kombu_url(url),
        "broker_transport_options": {
            # A message that its holder does not renew for this long is delivered again.
            "visibility_timeout": settings.visibility_seconds,
            "unacked_restore_interval": RESTORE_INTERVAL_SECONDS,
            "unacked_restore_throttle": 1,
            # A connection that hangs half-open is noticed after twice this long.
            "health_check_interval": 10,
            "park_after_seconds": PARK_AFTER_SECONDS,
            "audit_path": str(settings.task_execution_log),
            "plain_clients_queue": settings.queues[0],
            # The ledger remembers a run for this long after its end, and refuses a second message for it.
            "signed_for_seconds": settings.retention.total_seconds(),
            "socket_connect_timeout": 5,
            # Longer than the second for which a worker's pop blocks; without it a publish waits for ever.
            "socket_timeout": 5,
            "socket_keepalive": True,
            **transport_options(url),
            **(kombu_options(sentinels) if sentinels is not None else {}),
        },
        **_tls(sentinels),
        # A process outlives any outage of Redis: it waits instead of giving up after 100 tries.
        "broker_connection_max_retries": None,
        "broker_connection_retry_on_startup": True,
        "broker_channel_error_retry": True,
        "task_default_queue": settings.queues[0],
    }


def _tls(sentinels: SentinelAddress | None) -> dict[str, Any]:
    # What a URL of one server says of TLS kombu and RedBeat read there.
    return {"broker_use_ssl": tls_options(sentinels)} if sentinels is not None and sentinels.uses_tls else {}


def _sentinels(redis_url: str) -> SentinelAddress | None:
    return read_sentinel_url(redis_url) if is_sentinel_url(redis_url) else None


def _tasks(settings: Settings) -> dict[str, Any]:
    from kombu import Exchange, Queue

    return {
        "task_queues": [Queue(name, Exchange(name), routing_key=name) for name in settings.queues],
        "task_serializer": "json",
        "accept_content": ["json"],
        # The ledger keeps results; Celery's backend would cost five Redis commands a run.
        "task_ignore_result": True,
        "result_backend": None,
        # Acknowledge after the run, so that a killed worker's message is delivered again …
        "task_acks_late": True,
        # … but not at once and without limit when the handler itself kills its process.
        "task_reject_on_worker_lost": False,
        # A hard time limit is the end of the run, recorded as such; its message is done with.
        "task_acks_on_failure_or_timeout": True,
        # Without these Flower sees nothing.
        "task_send_sent_event": True,
        "worker_send_task_events": True,
    }


def _worker() -> dict[str, Any]:
    return {
        # A long handler must not sit on messages that an idle worker could run.
        "worker_prefetch_multiplier": 1,
        # Cancelling on a lost connection loses runs when broker and ledger are one Redis.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # Redirected prints would be logged as warnings; handlers may print.
        "worker_redirect_stdouts": False,
        # Celery replaces the root logger's handlers; ours are set up by its own signal.
        "worker_hijack_root_logger": False,
    }


def _beat(settings: Settings, redis_url: str) -> dict[str, Any]:
    sentinels = _sentinels(redis_url)
    # Celery shows the configuration to every client of the broker, and does not mask this URL.
    place, login = hide_login(redis_url) if sentinels is None else (REDBEAT_SENTINEL_URL, {})
    return {
        "beat_scheduler": BEAT_SCHEDULER,
        # How long a beat that nothing wakes waits before it looks again; changes to tasks wake it.
        "beat_max_loop_interval": 1.0,
        "redbeat_redis_url": place,
        "redbeat_redis_options": {
            "socket_connect_timeout": 5,
            "socket_timeout": 10,
            **login,
            **(redbeat_options(sentinels) if sentinels is not None else {}),
        },
        "redbeat_key_prefix": settings.redbeat_key_prefix,
        # Leadership is ours: RedBeat's lock ends the process when it is lost.
        "redbeat_lock_key": None,
    }


class OwnConfiguration(CelerySettings):
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
