"""A Redis without a password that others can reach."""

from __future__ import annotations

import pytest
from redis import Redis

from mission_control.operate.exposure import exposure_warning, is_exposed

NO_PASSWORD = [
    "redis://db.example.org:6379/0",
    "redis://ada@db.example.org:6379/0",
    "rediss://10.0.0.7/0",
    "redis://[2001:db8::1]:6379/0",
    "sentinel://127.0.0.1:26379/0;sentinel://b.example.org:26379/0?master_name=m",
]
SAFE = [
    "redis://:secret@db.example.org:6379/0",
    "redis://db.example.org:6379/0?password=secret",
    "redis://127.0.0.1:6379/0",
    "redis://127.1.2.3:6379/0",
    "redis://[::1]:6379/0",
    "redis://localhost:6379/0",
    "unix:///run/redis.sock?db=0",
    "sentinel://:secret@b.example.org:26379/0?master_name=m",
]


@pytest.mark.parametrize("url", NO_PASSWORD)
def test_server_elsewhere_without_a_password_is_exposed(url: str) -> None:
    assert is_exposed(url, dict)


@pytest.mark.parametrize("url", SAFE)
def test_server_with_a_password_or_on_this_host_alone_is_not_exposed(url: str) -> None:
    assert not is_exposed(url, lambda: {"bind": "127.0.0.1 -::1", "protected-mode": "no"})
    assert not is_exposed(url, dict)  # one that does not say where it listens


@pytest.mark.parametrize(
    ("bind", "protected", "expected"),
    [
        ("* -::*", "no", True),
        ("127.0.0.1 10.0.0.7", "no", True),
        ("", "no", True),
        ("* -::*", "yes", False),
        ("127.0.0.1 -::1", "no", False),
    ],
)
def test_server_on_this_host_is_exposed_where_it_listens_to_others(
    bind: str, protected: str, expected: bool
) -> None:
    assert is_exposed("redis://127.0.0.1/0", lambda: {"bind": bind, "protected-mode": protected}) is expected


def test_broker_without_a_password_elsewhere_is_exposed() -> None:
    client, safe = Redis(), "redis://:secret@db.example.org/0"
    elsewhere = "amqp://guest@mq.example.org//;redis://broker.example.org/0"
    assert str(exposure_warning(client, safe, elsewhere)).startswith("the broker: no password")
    for broker in (None, safe, "amqp://guest@mq.example.org//"):
        assert exposure_warning(client, safe, broker) is None
