"""A Redis user for each role, under the rule that `mission-control redis-acl` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.exceptions import ConnectionError as RedisConnectionError

from mission_control.store.access_rules import Role, acl_rule
from mission_control.store.redis_keys import DEFAULT_REDBEAT_KEYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.stage.servers import RedisServer


def role_users(queues: Sequence[str]) -> list[str]:
    """Return a line of Redis' configuration for each role; a role's user has its name."""
    keys = DEFAULT_REDBEAT_KEYS
    rules = {role: acl_rule(role, role, queues=queues, redbeat_keys=keys, database=0) for role in Role}
    return [f"{rule} >{password_of(role)}" for role, rule in rules.items()]


def password_of(role: Role) -> str:
    return f"pw-of-{role}"


def url_as(role: Role, server: RedisServer) -> str:
    """Return the server's URL with the login of a role."""
    return f"redis://{role}:{password_of(role)}@127.0.0.1:{server.port}/0"


def denied(server: RedisServer) -> list[str]:
    """Return what users were denied: user, reason, and the command or key."""
    try:
        with server.client() as client:
            return [f"{one['username']}: {one['reason']} {one['object']}" for one in client.acl_log(128)]
    except RedisConnectionError:  # the test has ended the server
        return []
