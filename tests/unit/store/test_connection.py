from __future__ import annotations

import pytest
from redis import exceptions

from mission_control.errors import SettingsError
from mission_control.store.address.url_spelling import broker_url, client_url, mask_password
from mission_control.store.connection import connect
from mission_control.store.troubles import explain

SOCKET = "/run/redis/redis.sock"


@pytest.mark.parametrize(
    ("written", "for_redis_py", "for_kombu"),
    [
        ("redis://localhost", "redis://localhost", "redis://localhost"),
        (" redis://localhost:6379/0\n", "redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://u:p%40ss@h:1/2", "redis://u:p%40ss@h:1/2", "redis://u:p%40ss@h:1/2"),
        ("redis://:pw@[::1]:6379/0", "redis://:pw@[::1]:6379/0", "redis://:pw@[::1]:6379/0"),
        ("valkey://localhost/1", "redis://localhost/1", "redis://localhost/1"),
        ("rediss://h/0", "rediss://h/0", "rediss://h/0?ssl_cert_reqs=required"),
        ("valkeys://h/0", "rediss://h/0", "rediss://h/0?ssl_cert_reqs=required"),
        (
            "rediss://h/0?ssl_cert_reqs=CERT_NONE",
            "rediss://h/0?ssl_cert_reqs=none",
            "rediss://h/0?ssl_cert_reqs=none",
        ),
        ("redis://h/1?socket_timeout=9", "redis://h/1?socket_timeout=9", "redis://h/1"),
        ("redis://u:x@h?password=p%40s&db=3", "redis://u:p%40s@h/3", "redis://u:p%40s@h/3"),
        (
            f"unix://{SOCKET}?password=pw&db=3",
            f"unix://:pw@{SOCKET}?db=3",
            f"redis+socket://:pw@{SOCKET}?virtual_host=3",
        ),
        (f"unix://{SOCKET}", f"unix://{SOCKET}", f"redis+socket://{SOCKET}"),
        (f"unix://{SOCKET}?db=3", f"unix://{SOCKET}?db=3", f"redis+socket://{SOCKET}?virtual_host=3"),
        (
            f"redis+socket://:pw@{SOCKET}?virtual_host=3",
            f"unix://:pw@{SOCKET}?db=3",
            f"redis+socket://:pw@{SOCKET}?virtual_host=3",
        ),
        (
            "sentinel://:p%40ss@a;sentinel://[::1]:26380/2?master_name=tasks",
            "sentinel://:p%40ss@a:26379/2;sentinel://[::1]:26380/2?master_name=tasks",
            "sentinel://:p%40ss@a:26379/2;sentinel://:p%40ss@[::1]:26380/2",
        ),
        (
            "redis-sentinel://a;b?master_name=tasks&socket_timeout=9",
            "sentinel://a:26379/0;sentinel://b:26379/0?master_name=tasks&socket_timeout=9",
            "sentinel://a:26379/0;sentinel://b:26379/0",
        ),
        (
            "rediss-sentinel://u:pw@a/1?master_name=tasks&ssl_cert_reqs=CERT_NONE&sentinel_password=x",
            "rediss-sentinel://u:pw@a:26379/1?master_name=tasks&sentinel_password=x&ssl_cert_reqs=CERT_NONE",
            "sentinel://u:pw@a:26379/1",
        ),
    ],
)
def test_url_spellings_are_all_understood(written: str, for_redis_py: str, for_kombu: str) -> None:
    assert client_url(written) == for_redis_py
    assert broker_url(written) == for_kombu
    with connect(written):
        pass  # no server listens there: the URL alone is looked at


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "the scheme is missing"),
        ("localhost:6379", "the scheme"),
        (":hunter2@localhost:6379", "the scheme is missing"),
        ("http://localhost:6379", "the scheme 'http' is not supported"),
        ("sentinel://localhost:26379/0", "it does not name the master: end it with '?master_name=mymaster'"),
        ("sentinel://:hunter2@a/0;sentinel://:other@b/0?master_name=m", "do not agree on the password"),
        ("sentinel://a/0;sentinel://b/1?master_name=m", "do not agree on the database"),
        ("sentinel://:hunter2@a/0;redis://b/1?master_name=m", "its parts have different schemes"),
        ("sentinel://:hunter2#x@a/0?master_name=m", "%23"),
        ("sentinel://:hunter2/x@a/0?master_name=m", "must be percent-encoded"),
        ("sentinel://a:sixthousand?master_name=m", "the port of a Sentinel is not a number"),
        ("sentinel://a/tasks?master_name=m", "the database after a host is not a number"),
        ("sentinel:///0?master_name=m", "the host of a Sentinel is missing"),
        ("sentinel://:hunter2@a?master_name=m&no_such_option=1", "an option after '?'"),
        ("sentinel://a?master_name=m&sentinel_password=hunter2&socket_timeout=soon", "an option after '?'"),
        ("redis://:hunter2#x@localhost:6379/0", "%23"),
        ("redis://:hunter2/x@localhost:6379/0", "must be percent-encoded"),
        ("redis://:hunter2[x@localhost:6379/0", "must be percent-encoded"),
        ("redis://:hunter2", "the port is not a number"),
        ("redis://localhost:sixthousand/0", "the port is not a number"),
        ("redis://localhost:99999/0", "the port is not a number"),
        ("redis://localhost:0/0", "the port is not a number"),
        ("redis://:hunter2@localhost:6379/tasks", "the database after the host is not a number"),
        ("unix://run/redis.sock", "three slashes"),
        ("unix://", "the path of the socket is missing"),
        ("redis://:hunter2@localhost/0?socket_timeout=soon", "an option after '?'"),
        ("redis://:hunter2@localhost/0?no_such_option=1", "an option after '?'"),
        ("rediss://:hunter2@localhost/0?ssl_cert_reqs=maybe", "an option after '?'"),
        ("unix:///run/redis.sock?password=hunter2&no_such_option=1", "an option after '?'"),
        ("redis://localhost?db=tasks", "the option db after '?' is not a number"),
        ("redis://localhost?socket_timeout=0.5", "socket_timeout must be a number of seconds, at least 2"),
        ("redis://localhost?health_check_interval=nan", "health_check_interval must be a number"),
        ("redis://:hunter2@localhost?decode_responses=no", "'decode_responses' is none of socket_timeout"),
        ("redis://localhost?cache_config=1", "'cache_config' is none of"),
        ("sentinel://a?master_name=m&max_connections=1", "'max_connections' is none of"),
    ],
)
def test_unusable_url_is_refused_without_its_password(written: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        connect(written)
    message = str(caught.value)
    assert message.startswith("MISSION_CONTROL_REDIS_URL: ")
    assert words in message
    assert "write redis://[[user]:password@]host:port/0" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@localhost",
        "redis://user:hun@ter:2@localhost",
        "redis://:a://hunter2@localhost",
        "redis://:hunter2",
        ":hunter2@localhost",
        "unix:///run/redis.sock?password=hunter2",
        "redis://localhost/0?password=hun@ter2",
    ],
)
def test_masked_url_shows_no_piece_of_a_password(url: str) -> None:
    assert "hun" not in mask_password(url)
    assert "ter" not in mask_password(url)


def test_masked_sentinel_url_shows_hosts_and_no_passwords() -> None:
    url = client_url("sentinel://:hunter2@a;sentinel://:hunter2@b/1?master_name=m&sentinel_password=hunter2")
    shown = "sentinel://***@a:26379/1;sentinel://b:26379/1?master_name=m&sentinel_password=***"
    assert mask_password(url) == shown


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (exceptions.BusyLoadingError("Redis is loading", status_code="LOADING"), "still loading"),
        (exceptions.ResponseError("BUSY Redis is busy running a script."), "busy with a long script"),
        (exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."), "too few replicas"),
        (exceptions.ResponseError("MASTERDOWN Link with MASTER is down"), "lost its primary"),
        (exceptions.MovedError("3999 127.0.0.1:6381", status_code="MOVED"), "is a Redis Cluster"),
        (exceptions.ResponseError("ERR SELECT is not allowed in cluster mode"), "is a Redis Cluster"),
        (
            exceptions.ResponseError("DENIED Redis is running in protected mode because protected mode …"),
            "is in protected mode, and has no password",
        ),
        (
            exceptions.ResponseError("DENIED Running in protected mode because protected mode is enabled …"),
            "set one there (requirepass), and correct MISSION_CONTROL_REDIS_URL",
        ),
        (
            exceptions.ResponseError(
                "max number of clients + cluster connections reached", status_code="ERR"
            ),
            "raise its maxclients",
        ),
        (
            exceptions.AuthenticationError("Client sent AUTH, but no password is set", status_code="ERR"),
            "has no password, and is given one",
        ),
        (
            exceptions.AuthenticationWrongNumberOfArgsError(
                "wrong number of arguments for 'auth' command", status_code="ERR"
            ),
            "does not know user names, as before Redis 6",
        ),
        (
            exceptions.AuthenticationError("invalid password", status_code="ERR"),
            "refuses the user name or password",
        ),
        (exceptions.TimeoutError("Timeout reading from socket"), "did not answer in time"),
    ],
)
def test_redis_refusal_is_explained(error: exceptions.RedisError, words: str) -> None:
    assert words in str(explain(error))


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        exceptions.ResponseError("wrong number of arguments for 'set' command", status_code="ERR"),
        exceptions.WatchError("Watched variable changed."),
        exceptions.NoScriptError("No matching script.", status_code="NOSCRIPT"),
        exceptions.DataError("Invalid input of type: 'dict'."),
    ],
)
def test_callers_mistake_is_raised_unchanged(error: exceptions.RedisError) -> None:
    assert explain(error) is None
