"""Options after the '?' of the Redis URL hold for every connection, the broker's too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation
from tests.stage.servers import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPTIONS = (
    "db=2&password=hunter2&socket_timeout=9&socket_connect_timeout=3.5&health_check_interval=7&client_name=us"
)
EXPECTED = {"socket_timeout": 9.0, "health_check_interval": 7, "client_name": "us", "db": 2}


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    socket = tmp_path_factory.mktemp("socket") / "redis.sock"
    with RedisServer(password="hunter2", extra=[f"unixsocket {socket}"]) as server:
        yield {"tcp": f"redis://127.0.0.1:{server.port}?{OPTIONS}", "socket": f"unix://{socket}?{OPTIONS}"}


@pytest.mark.parametrize("kind", ["tcp", "socket"])
def test_options_of_the_url_hold_for_ledger_and_broker(
    urls: dict[str, str], tmp_path: Path, kind: str
) -> None:
    place = Installation(read_settings(redis_url=urls[kind], data_dir=tmp_path, notify=()))
    with place.client as client, place.celery.connection_for_write() as connection:
        pool = connection.default_channel.client.connection_pool
        for given in (client.connection_pool.connection_kwargs, pool.connection_kwargs):
            assert EXPECTED.items() <= given.items()
        sent = place.celery.send_task("handlers.hello.run", connection=connection)
        assert sent.id in str(client.lrange("default", 0, -1))
