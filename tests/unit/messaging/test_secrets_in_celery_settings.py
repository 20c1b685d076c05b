"""Celery shows its configuration to every client of the broker; nothing secret is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redbeat.schedulers import RedBeatConfig, get_redis

from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation
from workers.process.remote_control import masked

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2"
ADDRESSES = {
    "redis": f"redis://ada:{SECRET}@127.0.0.1:1/0",
    "password alone": f"redis://:{SECRET}@127.0.0.1:1/3",
    "socket": f"unix://ada:{SECRET}@/run/re@dis.sock?db=1",
    "socket's query": f"unix:///run/redis.sock?db=1&password={SECRET}",
    "TLS": f"rediss://:{SECRET}@127.0.0.1:1/0?ssl_password={SECRET}",
    "Sentinels": f"sentinel://:{SECRET}@a;sentinel://b?master_name=m&sentinel_password={SECRET}",
}
ELSEWHERE = f"amqp://ada:{SECRET}@127.0.0.1:1//"


def installation(folder: Path, url: str, broker: str | None = None) -> Installation:
    return Installation(read_settings(redis_url=url, broker_url=broker, data_dir=folder, notify=()))


@pytest.mark.parametrize("broker", [None, ELSEWHERE], ids=["one server", "another broker"])
@pytest.mark.parametrize("url", ADDRESSES.values(), ids=ADDRESSES)
def test_configuration_and_report_show_no_password(tmp_path: Path, url: str, broker: str | None) -> None:
    app = installation(tmp_path, url, broker).celery
    assert SECRET not in repr(app.conf.table(with_defaults=True))
    assert SECRET not in app.bugreport()
    with app.connection_for_read() as connection:
        assert SECRET in repr(connection.info())  # which a worker's `stats` shows
        assert SECRET not in repr(
            masked({key: one for key, one in connection.info().items() if one != SECRET})
        )


@pytest.mark.parametrize("url", [one for name, one in ADDRESSES.items() if name != "Sentinels"])
def test_redbeat_logs_in_where_the_url_says(tmp_path: Path, url: str) -> None:
    ours = installation(tmp_path, url)
    theirs = get_redis(ours.celery).connection_pool.connection_kwargs
    mine = ours.client.connection_pool.connection_kwargs
    for name in ("host", "port", "path", "db", "ssl_password"):
        assert theirs.get(name) == mine.get(name)
    credentials = theirs["credential_provider"].get_credentials()
    assert credentials[-1] == mine["password"] == SECRET
    assert credentials[:-1] == ((mine["username"],) if mine.get("username") else ())


def test_redbeat_logs_in_at_the_master_that_sentinels_name(tmp_path: Path) -> None:
    conf = RedBeatConfig(installation(tmp_path, ADDRESSES["Sentinels"]).celery)
    assert (conf.redis_url, conf.redbeat_redis_options["password"]) == ("redis-sentinel://", SECRET)
