"""Which Redis to use: the configured one, else the embedded one."""

from mission_control.configuration.settings import Settings
from mission_control.store.address.url_spelling import client_url


def resolve_redis_url(settings: Settings) -> str:
    """Return the URL of the Redis to use, as redis-py and RedBeat spell it (see `broker_url` for kombu).

    `MISSION_CONTROL_REDIS_URL` if it is set and not blank; else the embedded server of `DATA_DIR`, which
    this process joins, and which is started or revived where needed. Call it again after a
    `StoreUnavailableError`: a revived server may have another port.

    Raises:
        SettingsError: the configured URL cannot be used.
        EmbeddedServerError: the embedded server could not be started or joined.
    """
    configured = settings.redis_url
    if configured is not None and configured.strip():
        return client_url(configured)

    from mission_control.store.embedded.embedded_server import join_embedded_server

    return join_embedded_server(settings.data_dir).url
