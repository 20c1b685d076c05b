from __future__ import annotations

import kombu
import pytest

from mission_control.messaging.transport.connection import ReliableConnection
from mission_control.messaging.transport.reliable_transport import (
    ReliableSentinelTransport,
    ReliableTransport,
)

URLS = {
    "redis://127.0.0.1:1/0": ReliableTransport,
    "rediss://:secret@example.org:1/0?ssl_cert_reqs=required": ReliableTransport,
    "redis+socket:///run/redis.sock?virtual_host=0": ReliableTransport,
    "sentinel://one:1;sentinel://two:1": ReliableSentinelTransport,
}


@pytest.mark.parametrize(("url", "expected"), URLS.items())
def test_redis_url_of_every_form_leads_to_our_transport(url: str, expected: type) -> None:
    connection = ReliableConnection(url)
    for one in (connection, connection.clone(), connection.Pool(1).new()):
        assert one.get_transport_cls() is expected


def test_connection_stays_on_our_transport_after_a_failover() -> None:
    connection = ReliableConnection("redis://one:1/0;redis://two:1/0")
    connection.switch("redis://two:1/0")
    assert (connection.hostname, connection.get_transport_cls()) == ("two", ReliableTransport)


def test_other_brokers_keep_their_transports() -> None:
    url = "memory://"
    assert ReliableConnection(url).get_transport_cls() is kombu.Connection(url).get_transport_cls()


def test_plain_celery_application_at_the_same_url_shares_no_pool() -> None:
    url = "redis://127.0.0.1:1/0"
    assert hash(ReliableConnection(url).__eqhash__()) != hash(kombu.Connection(url).__eqhash__())
    assert hash(ReliableConnection(url).__eqhash__()) == hash(ReliableConnection(url).__eqhash__())
